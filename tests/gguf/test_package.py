"""What is taken from the gguf package, and what stands for it, is what the installed llama.cpp has.

The package on PyPI may be older than the one in the source of llama.cpp, though both have the same
version; test_special_tokens.py and test_conversions.py hold what it makes of a checkpoint.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import pytest

from edgeval import llama
from edgeval.checkpoints.tokenizer.vocabulary import Vocabulary, byte_letters
from edgeval.errors import EngineError
from edgeval.gguf.types import BLOCKS, FILE_TYPES, TensorType
from edgeval.llama import numbers


@pytest.fixture(scope="module")
def ggml() -> Callable[..., Any]:
    """Return what calls a function of ggml."""
    folder = Path(llama_cpp.__file__).parent / "lib"
    libraries = sorted(folder.glob("*ggml-base*"))
    if not libraries:
        pytest.skip(f"no ggml in {folder}")
    library = ctypes.CDLL(str(libraries[0]))

    def call(name: str, result: Any, number: int) -> Any:
        function = getattr(library, name)
        function.restype, function.argtypes = result, [ctypes.c_int]
        return function(number)

    return call


def test_tensor_types_are_those_of_the_engine(ggml: Callable[..., Any]) -> None:
    for name, (number, block, size) in BLOCKS.items():
        assert ggml("ggml_type_name", ctypes.c_char_p, number).decode().upper() == name
        assert ggml("ggml_blck_size", ctypes.c_int64, number) == block, name
        assert ggml("ggml_type_size", ctypes.c_size_t, number) == size, name


def test_no_tensor_type_of_the_engine_is_missing(ggml: Callable[..., Any]) -> None:
    known = {each.value for each in TensorType}
    count = llama_cpp.GGML_TYPE_COUNT
    assert count > max(known)
    # The numbers between are those of types that were taken out.
    sizes = {number: ggml("ggml_type_size", ctypes.c_size_t, number) for number in range(count)}
    assert {number for number, size in sizes.items() if size} == known


def test_file_types_are_those_of_the_engine() -> None:
    assert {name: FILE_TYPES[name] for name in llama.file_types()} == llama.file_types()


@pytest.mark.parametrize("pre", ["llama-bpe", "smaug-bpe", "smollm", "gpt-2", "falcon3", "tekken"])
def test_the_engine_adds_bos_by_default_where_we_think_so(pre: str, tmp_path: Path) -> None:
    tokens = [*(letter.encode() for letter in byte_letters()), b"<bos>"]
    types = [int(gguf.TokenType.NORMAL)] * 256 + [int(gguf.TokenType.CONTROL)]
    path = tmp_path / "vocabulary.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(256)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    ours = Vocabulary("gpt2", pre, tokens, types).adds_bos({})
    with llama.Tokenizer(path) as vocabulary:
        assert (vocabulary.bos == 256) is ours


@pytest.fixture
def _unchecked() -> Iterator[None]:
    numbers.require_same_numbers.cache_clear()
    yield
    numbers.require_same_numbers.cache_clear()


@pytest.mark.usefixtures("_unchecked")
@pytest.mark.parametrize(
    ("types", "files", "reason"),
    [
        ({"Q4_0": (2, 32, 20)}, {}, "the blocks of the tensor type Q4_0"),
        ({"Q4_0": (3, 32, 18)}, {}, r"the tensor type 3 \(q4_1 and Q4_0\)"),
        ({}, {"Q4_K_M": 14}, "the file type Q4_K_M"),
    ],
)
def test_a_package_that_means_something_else_is_refused(
    types: dict[str, tuple[int, int, int]],
    files: dict[str, int],
    reason: str,
    tiny_f16: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(numbers, "BLOCKS", types)
    monkeypatch.setattr(numbers, "FILE_TYPES", files)
    with pytest.raises(EngineError, match=f"do not mean the same by {reason}"):
        llama.Tokenizer(tiny_f16)


@pytest.mark.usefixtures("_unchecked")
def test_a_type_that_only_the_package_has_is_no_matter(
    tiny_f16: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"NEW": (llama_cpp.GGML_TYPE_COUNT + 3, 32, 7), "GONE": (4, 32, 7)}
    monkeypatch.setattr(numbers, "BLOCKS", BLOCKS | new)
    monkeypatch.setattr(numbers, "FILE_TYPES", FILE_TYPES | {"NEW": 999})
    with llama.Tokenizer(tiny_f16) as vocabulary:
        assert vocabulary.n_vocab == 512
