from __future__ import annotations

import _thread
import threading
import time
from pathlib import Path
from typing import Any

import gguf
import pytest

from edgeval import llama
from edgeval.errors import EdgevalError, EngineError
from edgeval.llama import quantizer
from edgeval.quantize import quantize


def _types(path: Path) -> dict[str, str]:
    return {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}


def test_several_types_at_once(tiny_f16: Path, tmp_path: Path) -> None:
    made = quantize(tiny_f16, ["q8_0", "Q4_K_M"], tmp_path)
    assert [path.name for path in made] == ["tiny-Q8_0.gguf", "tiny-Q4_K_M.gguf"]
    assert _types(made[0])["blk.0.ffn_up.weight"] == "Q8_0"
    assert _types(made[1])["blk.0.ffn_up.weight"] == "Q4_K"
    assert _types(made[1])["output_norm.weight"] == "F32"
    for path, name in zip(made, ("Q8_0", "Q4_K_M"), strict=True):
        with llama.Model(path) as model:
            assert model.file_type == name


def test_q8_0_is_its_definition(tiny_f32: Path, tmp_path: Path) -> None:
    (made,) = quantize(tiny_f32, ["Q8_0"], tmp_path)
    source = {t.name: t for t in gguf.GGUFReader(tiny_f32).tensors}["blk.0.ffn_up.weight"]
    result = {t.name: t for t in gguf.GGUFReader(made).tensors}["blk.0.ffn_up.weight"]
    expected = gguf.quants.quantize(source.data, gguf.GGMLQuantizationType.Q8_0)
    assert result.data.tobytes() == expected.tobytes()


def test_unknown_type_is_refused_before_anything(tiny_f16: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"unknown quantization type 'Q4_KM'.*Q4_K_M"):
        quantize(tiny_f16, ["Q8_0", "Q4_KM"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_quantized_source_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    (once,) = quantize(tiny_f16, ["Q4_0"], tmp_path)
    with pytest.raises(EdgevalError, match="is Q4_0 already"):
        quantize(once, ["Q2_K"], tmp_path)
    assert list(tmp_path.iterdir()) == [once]


def test_existing_target_is_refused(tiny_f16: Path, tmp_path: Path) -> None:
    (tmp_path / "tiny-Q8_0.gguf").write_text("mine", encoding="utf-8")
    with pytest.raises(EdgevalError, match="exists already"):
        quantize(tiny_f16, ["Q8_0"], tmp_path)


def test_refusal_of_the_engine_leaves_nothing(tiny_f16: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"cannot quantize .* to IQ1_S"):
        quantize(tiny_f16, ["IQ1_S"], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_interrupted_before_the_engine_opened_its_file(
    tiny_f16: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = threading.Event()

    def slow_to_open(_source: bytes, target: bytes, _params: Any) -> int:
        _thread.interrupt_main()
        time.sleep(0.3)
        Path(target.decode()).write_bytes(b"GGUF")
        finish.wait(10)
        return 0

    monkeypatch.setattr(quantizer.llama_cpp, "llama_model_quantize", slow_to_open)
    with pytest.raises(KeyboardInterrupt):
        quantize(tiny_f16, ["Q8_0"], tmp_path)
    (worker,) = [each for each in threading.enumerate() if each.name == "quantize-Q8_0"]
    finish.set()
    worker.join()
    assert list(tmp_path.iterdir()) == []
