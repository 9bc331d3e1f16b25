from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from edgeval import llama
from edgeval.errors import EdgevalError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.gguf.values import ValueType
from edgeval.llama import SessionSettings, memory
from edgeval.llama.memory import Memory
from tests.helpers.buffers import buffers
from tests.helpers.fuzz.ggufs import small_file


@pytest.mark.parametrize(
    ("n_batch", "n_ubatch", "flash"),
    [(1024, 512, True), (512, 512, True), (300, 300, True), (256, 256, False), (512, 512, False)],
)
def test_the_estimate_is_what_the_engine_takes(
    n_batch: int, n_ubatch: int, flash: bool, tiny_f16: Path
) -> None:
    settings = SessionSettings(n_batch, n_ubatch, 8, 1, "f16" if flash else "f32", flash)
    with llama.Tokenizer(tiny_f16) as vocabulary, llama.Model(tiny_f16) as model:
        need = memory.estimate(vocabulary.info, settings)
        found = buffers(model, settings)
        assert need.weights == tiny_f16.stat().st_size
        assert need.weights == pytest.approx(model.tensor_bytes, rel=0.02)
    assert need.cache == found["KV"]
    assert need.compute == pytest.approx(found["compute"], rel=0.02)
    assert need.logits == n_batch * 512 * 4
    assert need.total == need.weights + need.cache + need.logits + need.compute


def test_a_model_that_does_not_fit_is_refused_with_the_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    free = psutil.virtual_memory()._replace(available=1_999_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    memory.require(Memory(1_900_000_000, 20_000_000, 70_000_000, 9_000_000), "m.gguf")
    with pytest.raises(EdgevalError) as caught:
        memory.require(Memory(1_900_000_000, 20_000_000, 70_000_000, 10_000_000), "m.gguf")
    assert str(caught.value) == (
        "m.gguf takes about 2,000 MB (weights 1,900 MB, KV cache 20 MB, logits 70 MB, computing "
        "10 MB) and 1,999 MB of memory are free; close other programs, evaluate a smaller type, "
        "lower --batch-tokens, or try it with --force"
    )


def test_force_loads_it_all_the_same(
    tiny_f16: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = psutil.virtual_memory()._replace(available=1_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    with pytest.raises(EdgevalError, match=r"tiny-F16\.gguf takes about \d+ MB .* and 1 MB"):
        evaluate([tiny_f16], Options(data=tiny_items, limit=2))
    result = evaluate([tiny_f16], Options(data=tiny_items, limit=2, force=True))
    assert result.runs[0].metrics["acc"].total == 2


def test_a_model_without_attention_is_estimated(tmp_path: Path) -> None:
    file = small_file()
    file.metadata = {
        key.replace("llama.", "mamba."): value for key, value in file.metadata.items()
    } | {
        "general.architecture": (int(ValueType.STRING), "mamba"),
        "mamba.attention.head_count": (int(ValueType.UINT32), 0),
        "mamba.attention.head_count_kv": (int(ValueType.UINT32), 0),
    }
    path = tmp_path / "a.gguf"
    path.write_bytes(file.encoded())
    with llama.Tokenizer(path) as vocabulary:
        need = memory.estimate(vocabulary.info, SessionSettings(64, 64, 2, 1, "f16", True))
    assert (need.weights, need.cache) == (path.stat().st_size, 0)
