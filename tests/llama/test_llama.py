from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import sentencepiece

from edgeval import llama
from edgeval.errors import EngineError, GgufError
from edgeval.system.engine_version import engine_version


def test_model_knows_itself(tiny_f16: Path) -> None:
    with llama.Model(tiny_f16) as model:
        assert (model.file_type, model.n_vocab) == ("F16", 512)
        # 2 * (2 * 256 * 256 + 2 * 64 * 256 + 3 * 512 * 256 + 2 * 256) + 2 * 512 * 256 + 256
        assert model.n_params == 1_377_536


def test_vocabulary_knows_the_model_without_its_weights(tiny_f16: Path) -> None:
    with llama.Tokenizer(tiny_f16) as vocabulary:
        assert vocabulary.file_type == "F16"
        assert (vocabulary.n_vocab, vocabulary.n_context_train, vocabulary.bos) == (512, 128, 1)
        assert vocabulary.metadata("general.architecture") == "llama"
        assert vocabulary.metadata("no.such.key") is None
        assert vocabulary.dimension("attention.head_count_kv") == 2
        assert vocabulary.dimension("no_such_dimension", default=7) == 7


@pytest.mark.parametrize(
    "text",
    [
        "the cook heats a pan",
        "  two  spaces and a tail ",
        "naïve café — 日本語 🙂",
        "tab\tnewline\nend",
        "x" * 300,
        "",
    ],
)
def test_tokens_are_sentencepieces_own(text: str, tiny_f16: Path, tiny_checkpoint: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(
        model_file=str(tiny_checkpoint / "tokenizer.model")
    )
    with llama.Tokenizer(tiny_f16) as model:
        assert model.tokenize(text).tolist() == processor.encode(text)


def test_control_tokens_are_parsed_only_when_asked(tiny_f16: Path) -> None:
    with llama.Tokenizer(tiny_f16) as model:
        assert 2 in model.tokenize("a</s>", parse_special=True)
        assert 2 not in model.tokenize("a</s>")


def test_file_types_are_found_by_any_case() -> None:
    assert llama.file_type("q4_k_m") == "Q4_K_M"
    assert llama.file_types()["F32"] == 0


def test_unknown_file_type_suggests() -> None:
    with pytest.raises(EngineError, match=r"unknown quantization type 'Q4_K_N'.*'Q4_K_[MS]'"):
        llama.file_type("Q4_K_N")


def test_cpu_is_always_there() -> None:
    assert llama.available_backends()[-1] == "cpu"
    assert llama.choose_devices("cpu") == ()
    assert llama.Offload(llama.choose_devices("auto")).backend == llama.available_backends()[0]


def test_absent_backend_is_refused_with_the_rebuild_command() -> None:
    if "vulkan" in llama.available_backends():
        pytest.skip("this llama.cpp has vulkan")
    with pytest.raises(EngineError, match=r"built without vulkan.*-DGGML_VULKAN=on.* pip install"):
        llama.choose_devices("vulkan")


def test_unknown_backend_suggests() -> None:
    with pytest.raises(EngineError, match=r"unknown backend 'cudda'.*'cuda'"):
        llama.choose_devices("cudda")


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(GgufError, match="no GGUF file at"):
        llama.Model(tmp_path / "absent.gguf")


@pytest.mark.parametrize("kept", [0, 3, 100, 5_000, 60_000, -1])
def test_truncated_model_is_refused(kept: int, tiny_f16: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(tiny_f16.read_bytes()[:kept])
    with pytest.raises(GgufError, match=r"damaged.gguf is (damaged|not a GGUF)"):
        llama.Model(damaged)


def test_other_files_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(np.random.default_rng(0).bytes(10_000))
    with pytest.raises(GgufError, match=r"other.gguf is not a GGUF"):
        llama.Model(other)


@pytest.mark.parametrize("name", llama.file_types())
def test_types_that_can_be_written_are_known(name: str, tiny_f16: Path) -> None:
    if name in llama.writable_types():
        assert llama.recipe(tiny_f16, name).name == name
    else:
        with pytest.raises(EngineError, match=f"cannot quantize .* to {name}"):
            llama.recipe(tiny_f16, name)


def test_aliases_of_llama_quantize() -> None:
    assert [llama.file_type(name) for name in ("q3_k", "Q4_K", "Q5_K", "Q6_K")] == [
        *("Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K")
    ]


def test_another_llama_cpp_of_the_same_binding_is_another_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scores and quantized files are known by this text; the binding's version stays the same."""
    plain = engine_version()
    found = []
    for number, content in enumerate((b"one build", b"another build", b"one build")):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "libllama.so.0").write_bytes(content)
        (folder / "README.so.txt").write_text(str(number), encoding="utf-8")
        monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(folder))
        found.append(engine_version())
    assert all(each.startswith(f"{plain}, libraries ") for each in found)
    assert found[0] == found[2] != found[1]
    monkeypatch.delenv("LLAMA_CPP_LIB_PATH")
    assert engine_version() == plain
