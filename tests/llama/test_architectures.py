from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from edgeval import llama
from edgeval.engine import running
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.evaluation.pipeline import run
from edgeval.gguf import architectures
from edgeval.gguf.architectures import NOT_PREDICTING, PREDICTING
from edgeval.gguf.parts import read_header
from edgeval.llama import library
from edgeval.llama import model as model_module
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from edgeval.scoring.plan import plan
from edgeval.scoring.score import score_requests, settings_for
from edgeval.system.engine_version import binding_version
from edgeval.tasks.hellaswag import HELLASWAG
from edgeval.tasks.protocol import get
from edgeval.tasks.requests import Request
from tests.helpers.paths import GOLDEN
from tests.helpers.tiny_architectures import BUILDERS, write

RECORDED = json.loads((GOLDEN / "architectures.json").read_text(encoding="utf-8"))
FACTS: dict[str, dict[str, bool]] = RECORDED["architectures"]

# What llama.cpp computes of these is a number, and its meaning is another one: the draft head of
# another model, audio, and the part of a model that only its quantizer reads.
_OTHER_MEANING = {"gemma4-assistant", "pockettts", "qwen3tts", "clip", "eagle3", "dflash"}


def _computes(facts: dict[str, bool]) -> bool:
    needed = ("is_loaded", "has_logits", "is_causal", "has_memory", "has_decoder")
    return all(facts[name] for name in needed) and not (
        facts["has_encoder"] or facts["is_diffusion"]
    )


def _empty(path: Path, architecture: str | None, **keys: Any) -> Path:
    """Write a GGUF that says what it is, and holds next to nothing else."""
    writer = gguf.GGUFWriter(path, architecture or "none")
    if architecture is None:
        writer.kv_data[0].clear()
    for name, value in keys.items():
        key = name.replace("__", ".")
        if isinstance(value, int):
            writer.add_uint32(key, value)
        elif isinstance(value, list):
            writer.add_array(key, value)
        else:
            writer.add_string(key, value)
    writer.add_tensor("a.weight", np.ones((2, 2), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("name", FACTS)
def test_every_architecture_of_llama_cpp_is_evaluated_refused_or_asked(
    name: str, tmp_path: Path
) -> None:
    """None that llama.cpp's source gives no logits for is taken for one that has them."""
    refused = architectures.not_predicting(read_header(_empty(tmp_path / "a.gguf", name)))
    assert (name in PREDICTING) != (refused is not None) or not FACTS[name]["is_loaded"]
    if _computes(FACTS[name]):
        assert (refused is not None) == (name in _OTHER_MEANING)
    else:
        assert name not in PREDICTING


def test_no_architecture_is_named_that_llama_cpp_does_not_have() -> None:
    assert set(FACTS) == PREDICTING | NOT_PREDICTING.keys() | {"gptj"}


@pytest.mark.skipif(binding_version() != RECORDED["version"], reason="of another llama.cpp")
def test_the_installed_llama_cpp_knows_them_and_says_which_are_recurrent(tmp_path: Path) -> None:
    """It is asked itself: what it does not know it refuses by that name."""
    library.engine()
    known = set()
    for name in FACTS:
        with pytest.raises(EngineError) as caught:
            llama.Tokenizer(_empty(tmp_path / f"{name}.gguf", name))
        if "does not know" not in str(caught.value):
            known.add(name)
    assert known == FACTS.keys() - {"gptj"}


@pytest.mark.parametrize("name", [name for name in BUILDERS if name in PREDICTING])
def test_each_that_is_evaluated_scores_as_when_every_choice_is_decoded_alone(
    name: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
    protocol = get("lm-eval")
    items = HELLASWAG.load(tiny_items).items(protocol.rendering)[:8]
    with llama.Tokenizer(path) as vocabulary:
        requests = [each for item in items for each in protocol.requests(item, vocabulary)]
        shares = not vocabulary.info.is_recurrent
    assert shares != FACTS[name]["is_recurrent"]
    with llama.Model(path) as model:
        together = _logprobs(model, requests, 256, shares)
        small = _logprobs(model, requests, 1024, shares, n_ubatch=64)
        alone = [_logprobs(model, [each], 256, shares)[0] for each in requests]
    for found in (together, small):
        for ours, theirs in zip(found, alone, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4)
    # A model that says something: its choices differ, and no row is uniform.
    assert np.ptp([each.sum() for each in alone]) > 1
    assert all(abs(each + np.log(512)).max() > 0.01 for each in alone)


def _logprobs(
    model: llama.Model,
    requests: list[Request],
    batch_tokens: int,
    shares: bool,
    n_ubatch: int = 512,
) -> list[Any]:
    planned = plan(requests, batch_tokens, shares=shares)
    found: dict[int, Any] = {}
    for batch in score_requests(model, planned, settings_for(planned, "F32", 1, n_ubatch)):
        found |= batch
    return [found[index].logprobs for index in range(len(requests))]


@pytest.mark.parametrize("name", [name for name in BUILDERS if name not in PREDICTING])
def test_each_that_is_not_is_refused_in_one_sentence_by_all_that_would_compute_it(
    name: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path, tiny_text: Path
) -> None:
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32)
    sentence = rf"{name}\.gguf is {NOT_PREDICTING[name][:12]}.*; evaluate a model that generates"
    options = Options(data=tiny_items, limit=2)
    made = tmp_path / "made"
    for attempt in (
        lambda: evaluate([path], options),
        lambda: run(str(path), options, types=["F32", "Q8_0"], out=made),
        lambda: imatrix(path, tiny_text, tmp_path / "a.imatrix.gguf", chunk_tokens=64),
        lambda: llama.Model(path),
    ):
        with pytest.raises(EngineError, match=sentence):
            attempt()
    assert not made.exists()
    assert not (tmp_path / "a.imatrix.gguf").exists()


def test_a_ladder_of_one_is_refused_before_it_is_quantized(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "t5.gguf", "t5", tiny_f32)
    monkeypatch.setattr(
        "edgeval.quantization.ladder.quantize_to", lambda *_, **__: pytest.fail("quantized")
    )
    with pytest.raises(EngineError, match=r"t5\.gguf is an encoder-decoder"):
        run(str(path), Options(data=tiny_items, limit=2), types=["Q8_0"], out=tmp_path / "made")


def test_what_is_not_evaluated_is_quantized_all_the_same(tmp_path: Path, tiny_f32: Path) -> None:
    path = write(tmp_path / "encoder.gguf", "t5encoder", tiny_f32)
    (made,) = quantize(path, ["Q8_0"], threads=1)
    assert read_header(made).file_type == "Q8_0"


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"pooling_type": 3}, "an embedding model"),
        ({"pooling_type": 4}, "a reranker"),
        ({"attention.causal": False}, "no causal language model"),
        ({"classifier.output_labels": ["yes", "no"]}, "a classifier"),
    ],
)
def test_a_decoder_that_says_it_is_used_otherwise_is_refused(
    keys: dict[str, Any], what: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    path = write(tmp_path / "a.gguf", "qwen3", tiny_f32, keys)
    with pytest.raises(EngineError, match=rf"a\.gguf is {what}.* no log-probabilities"):
        evaluate([path], Options(data=tiny_items, limit=2))


def test_a_decoder_without_pooling_is_evaluated(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path
) -> None:
    path = write(tmp_path / "a.gguf", "qwen3", tiny_f32, {"pooling_type": 0})
    found = evaluate([path], Options(data=tiny_items, limit=2))
    assert found.runs[0].metrics["acc"].total == 2


@pytest.mark.parametrize(
    ("architecture", "kind", "what"),
    [
        ("llama", "adapter", "an adapter"),
        ("clip", "mmproj", "the part of a model that reads images"),
        ("clip", "model", "the part of a model that reads images"),
        (None, "imatrix", "an importance matrix"),
        ("controlvector", "model", "a control vector"),
    ],
)
def test_a_file_that_is_no_model_is_called_what_it_is(
    architecture: str | None, kind: str, what: str, tmp_path: Path, tiny_items: Path
) -> None:
    path = _empty(tmp_path / "a.gguf", architecture, general__type=kind)
    with pytest.raises(EngineError, match=rf"a\.gguf is {what}"):
        evaluate([path], Options(data=tiny_items, limit=2))


def test_an_architecture_that_came_later_is_not_called_damaged(
    tmp_path: Path, tiny_items: Path
) -> None:
    path = _empty(tmp_path / "a.gguf", "llama9")
    with pytest.raises(EngineError) as caught:
        evaluate([path], Options(data=tiny_items, limit=2))
    assert "is of the architecture 'llama9', which the llama.cpp of llama-cpp-python" in str(
        caught.value
    )
    assert "damaged" not in str(caught.value)


@pytest.mark.parametrize("name", [name for name in BUILDERS if name not in PREDICTING])
def test_one_that_no_list_names_is_asked_and_never_gives_a_number(
    name: str, tmp_path: Path, tiny_f32: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if it had come after edgeval: llama.cpp, and its logits, have to tell."""
    path = write(tmp_path / f"{name}.gguf", name, tiny_f32, {"pooling_type": 0})
    monkeypatch.setattr(architectures, "NOT_PREDICTING", {"clip": NOT_PREDICTING["clip"]})
    with pytest.raises(
        EngineError, match=r"no log-probabilities of a next token|finds all tokens equally likely"
    ):
        evaluate([path], Options(data=tiny_items, limit=2))


def test_one_that_no_list_names_is_evaluated_if_its_logits_are_computed(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.gguf", "qwen2", tiny_f32)
    options = Options(data=tiny_items, limit=6)
    known = evaluate([path], options)
    monkeypatch.setattr(model_module, "PREDICTING", PREDICTING - {"qwen2"})
    asked = evaluate([path], options)
    assert asked.runs[0].metrics == known.runs[0].metrics


def test_logits_that_are_all_equal_are_no_number(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The uniform distribution is ln(1/n) for every token, whatever the text."""
    keys, weights = BUILDERS["llama"](np.random.default_rng(1))
    weights["output.weight"] = np.zeros_like(weights["output.weight"])
    monkeypatch.setitem(BUILDERS, "llama", lambda _: (keys, weights))
    path = write(tmp_path / "a.gguf", "llama", tiny_f32)
    with pytest.raises(EngineError, match=r"a\.gguf finds all tokens equally likely after every"):
        evaluate([path], Options(data=tiny_items, limit=2))


def test_a_file_without_tensors_is_a_vocabulary(
    tmp_path: Path, tiny_f32: Path, tiny_items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, _ = BUILDERS["llama"](np.random.default_rng(1))
    monkeypatch.setitem(BUILDERS, "llama", lambda _: (keys, {}))
    path = write(tmp_path / "a.gguf", "llama", tiny_f32)
    with pytest.raises(EdgevalError, match=r"a\.gguf is a vocabulary without weights"):
        evaluate([path], Options(data=tiny_items, limit=2))
    with running() as engine:
        assert engine.info(path).n_vocab == 512
