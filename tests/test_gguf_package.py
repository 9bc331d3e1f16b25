"""What is taken from the gguf package, and what stands for it, is what the installed llama.cpp has.

The package on PyPI may be older than the one in the source of llama.cpp, though both have the same
version; test_special_tokens.py and test_conversions.py hold what it makes of a checkpoint.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import llama_cpp
import pytest

from edgeval import llama
from edgeval.gguf_header import _BLOCKS, FILE_TYPES, TensorType
from edgeval.tokenizer.vocabulary import Vocabulary, byte_letters


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
    for name, (number, block, size) in _BLOCKS.items():
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
    with llama.Vocabulary(path) as vocabulary:
        assert (vocabulary.bos == 256) is ours
