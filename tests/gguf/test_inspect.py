from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from edgeval import llama
from edgeval.cli.terminal.inspection import tables
from edgeval.errors import GgufError
from edgeval.gguf.inspect import inspect
from edgeval.gguf.values import ValueType
from edgeval.llama.library import llama_cpp
from edgeval.quantization.quantize import quantize
from edgeval.records.inspection import Inspection
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.fuzz.ggufs import small_file
from tests.helpers.gguf_bytes import Entry, File

U32, F32, STRING = (int(kind) for kind in (ValueType.UINT32, ValueType.FLOAT32, ValueType.STRING))
# llama.h's enum llama_token_attr, which the binding does not export.
ATTRIBUTES = {1: "unknown", 2: "unused", 4: "normal", 8: "control", 16: "user-defined", 32: "byte"}


def write(path: Path, file: File) -> Path:
    path.write_bytes(file.encoded())
    return path


def printed(found: Inspection, width: int) -> list[str]:
    file = io.StringIO()
    console = Console(file=file, width=width, color_system=None, _environ={})
    for table in tables(found):
        console.print(table)
    return file.getvalue().splitlines()


@pytest.fixture(scope="module")
def tiny_q4_k_m(tiny_f32: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return quantize(tiny_f32, ["Q4_K_M"], tmp_path_factory.mktemp("quantized"))[0]


@pytest.mark.parametrize("gguf", ["tiny_f16", "tiny_f32", "tiny_q4_k_m"])
def test_the_numbers_are_those_of_llama_cpp(gguf: str, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(gguf)
    found = inspect(path)
    with llama.Model(path) as model:
        assert found.file_type == model.file_type
        assert (found.n_params, found.tensor_bytes) == (model.n_params, model.tensor_bytes)
        assert found.bits_per_weight == 8 * model.tensor_bytes / model.n_params
    assert sum(each.n_bytes for each in found.types) == found.tensor_bytes
    assert sum(each.n_params for each in found.types) == found.n_params
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.file_bytes == path.stat().st_size


def test_the_vocabulary_is_that_of_llama_cpp(tiny_q4_k_m: Path) -> None:
    tokenizer = inspect(tiny_q4_k_m).tokenizer
    assert tokenizer is not None
    with llama.Tokenizer(tiny_q4_k_m) as vocabulary:
        handle = llama_cpp.llama_model_get_vocab(vocabulary.handle)
        n_tokens = llama_cpp.llama_vocab_n_tokens(handle)
        attributes = [llama_cpp.llama_vocab_get_attr(handle, i) for i in range(n_tokens)]
        assert tokenizer.n_tokens == n_tokens == 512
        assert tokenizer.types == Counter(ATTRIBUTES[attribute] for attribute in attributes)
        assert tokenizer.adds_bos is llama_cpp.llama_vocab_get_add_bos(handle)
        for name in ("bos", "eos"):
            token = getattr(llama_cpp, f"llama_vocab_{name}")(handle)
            text = llama_cpp.llama_vocab_get_text(handle, token).decode()
            assert (tokenizer.special[name].id, tokenizer.special[name].text) == (token, text)
    assert (tokenizer.model, tokenizer.pre) == ("llama", "default")
    assert (tokenizer.n_merges, tokenizer.has_chat_template) == (0, False)


def test_metadata_has_types_lengths_and_readable_values(tmp_path: Path) -> None:
    file = small_file()
    file.metadata |= {
        "a.rate": (F32, 1e-5),
        "a.rates": (F32, [0.1, float("inf"), float("nan")]),
        "a.text": (STRING, "naïve\udcff\x1b[31m"),
        "a.big": (int(ValueType.UINT64), 2**64 - 1),
        "a.truth": (int(ValueType.BOOL), True),
        "a.empty": (U32, []),
        "a.nested": (int(ValueType.ARRAY), b"\x09\0\0\0\x01" + bytes(7) + b"\x04" + bytes(11)),
    }
    metadata = inspect(write(tmp_path / "a.gguf", file)).metadata
    assert list(metadata) == list(file.metadata)
    shown = {key: (each.type, each.length, each.value) for key, each in metadata.items()}
    assert shown["a.rate"] == ("float32", None, 1e-5)
    assert shown["a.rates"] == ("array of float32", 3, [0.1, "inf", "nan"])
    assert shown["a.text"] == ("string", None, "naïve\\xff\x1b[31m")
    assert shown["a.big"] == ("uint64", None, 2**64 - 1)
    assert shown["a.truth"][2] is True
    assert shown["a.empty"] == ("array of uint32", 0, [])
    assert shown["a.nested"] == ("array of array", 1, ["0 elements"])
    tokens = shown["tokenizer.ggml.tokens"]
    assert tokens[:2] == ("array of string", 280)
    assert tokens[2] == ["<unk>", "<s>", "</s>", *(f"<0x0{n}>" for n in range(5))]


def test_what_a_file_leaves_out_is_none(tmp_path: Path) -> None:
    file = File({}, [Entry("blk.0.ffn_up.weight.in_sum2", (8, 2), 0, bytes(64))])
    found = inspect(write(tmp_path / "imatrix.gguf", file))
    assert (found.architecture, found.name, found.tokenizer) == (None, None, None)
    assert (found.file_type, found.n_params, found.bits_per_weight) == ("unknown", 16, 32)
    assert [(each.shape, each.type) for each in found.tensors] == [([2, 8], "F32")]
    empty = inspect(write(tmp_path / "empty.gguf", File()))
    assert (empty.n_params, empty.bits_per_weight, empty.tensors) == (0, None, [])


def test_special_tokens_beyond_the_vocabulary_are_said_to_be(tmp_path: Path) -> None:
    file = small_file()
    file.metadata["tokenizer.ggml.eot_token_id"] = (U32, 280)
    found = inspect(write(tmp_path / "a.gguf", file))
    assert found.tokenizer is not None
    assert found.tokenizer.special["eot"].text is None
    assert "eot 280 not in the vocabulary" in " ".join(printed(found, 120))


def test_tensors_of_all_layers_stand_in_one_row(tiny_q4_k_m: Path) -> None:
    rows = [line for line in printed(inspect(tiny_q4_k_m), 100) if "blk.*.ffn_up.weight" in line]
    assert len(rows) == 1
    assert [cell.strip() for cell in rows[0].split("│")[1:-1]] == [
        "blk.*.ffn_up.weight",
        "[512, 256]",
        "2 Q4_K",
        "0.1 MiB",
    ]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_tables_fit_and_move_no_cursor(width: int, tmp_path: Path) -> None:
    file = small_file()
    file.metadata |= {
        "general.name": (STRING, "\x1b[2J[bold]red[/bold]\r\n"),
        "tokenizer.chat_template": (STRING, "{% for message in messages %}\n" * 100),
    }
    lines = printed(inspect(write(tmp_path / "a.gguf", file)), width)
    assert max(map(len, lines)) <= width
    assert not any(set(line) & {"\x1b", "\r"} for line in lines)
    text = "\n".join(lines)
    assert r"name          \x1b[2J[bold]red[/bold]\r\n" in text
    assert "chat template  yes" in text


def test_the_record_survives_json(tiny_q4_k_m: Path) -> None:
    result = edgeval("inspect", tiny_q4_k_m, "--json")
    assert result.returncode == 0, result.stderr
    assert Inspection.model_validate(json.loads(result.stdout)) == inspect(tiny_q4_k_m)
    assert result.stdout.isascii()


def test_the_command_prints_tables(tiny_f16: Path) -> None:
    result = edgeval("inspect", tiny_f16)
    assert result.returncode == 0, result.stderr
    for words in ("1,377,536", "tokenizer.ggml.tokens", "blk.*.attn_q.weight", "F16", "byte"):
        assert words in result.stdout


def test_a_damaged_file_is_one_sentence(tiny_f16: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_f16.read_bytes()[:-1000])
    assert_one_sentence(edgeval("inspect", damaged), ["damaged.gguf", "past its end", "again"])
    with pytest.raises(GgufError, match="no GGUF file at"):
        inspect(tmp_path / "absent.gguf")


def test_tokens_are_counted_without_types(tmp_path: Path) -> None:
    file = small_file()
    del file.metadata["tokenizer.ggml.token_type"]
    without = inspect(write(tmp_path / "a.gguf", file)).tokenizer
    file.metadata["tokenizer.ggml.token_type"] = (
        int(ValueType.INT32),
        np.array([1] * 278 + [0, 9], dtype=np.int32),
    )
    strange = inspect(write(tmp_path / "a.gguf", file)).tokenizer
    assert without is not None
    assert strange is not None
    assert (without.n_tokens, without.types) == (280, None)
    assert strange.types == {"normal": 278, "undefined": 2}
