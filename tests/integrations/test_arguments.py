"""Arguments: what --model_args may say, and the harness's own beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.integrations.arguments import ModelArguments
from edgeval.integrations.lm_eval import EdgevalLM


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"thread": 2}, "unknown model argument 'thread' (did you mean 'threads'?)"),
        ({"threads": "two"}, "threads is 'two', and has to be a whole number from 1 on"),
        ({"threads": True}, "threads is True"),
        ({"batch_tokens": 0}, "batch_tokens is 0"),
        ({"kernels": "fast"}, "kernels is 'fast', and has to be auto, default or plain"),
        ({"add_bos_token": "yes"}, "add_bos_token is 'yes', and has to be True or False"),
        ({"devices": [1.5]}, "devices is [1.5], and has to be a name, or a list"),
        ({"backend": 3}, "backend is 3, and has to be a name"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(EdgevalError) as error:
        ModelArguments.of("a.gguf", given)
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("device", "backend", "devices"),
    [
        (None, "auto", ()),
        # What the harness hands on where nobody says anything.
        ("cuda:0", "auto", ()),
        ("cpu", "cpu", ()),
        ("cuda", "cuda", ()),
        ("cuda:1", "cuda", ("1",)),
        ("mps", "metal", ()),
    ],
)
def test_devices_of_torch_are_backends(
    device: str | None, backend: str, devices: tuple[str, ...]
) -> None:
    found = ModelArguments.of("a.gguf", {}, device)
    assert (found.backend, found.devices) == (backend, devices)


def test_two_places_are_one_too_many() -> None:
    with pytest.raises(EdgevalError, match="device cpu and backend=cuda name two places"):
        ModelArguments.of("a.gguf", {"backend": "cuda"}, "cpu")
    with pytest.raises(EdgevalError, match="device 'tpu' is none that"):
        ModelArguments.of("a.gguf", {}, "tpu")


def test_names_of_devices_are_one_or_a_list() -> None:
    assert ModelArguments.of("a.gguf", {"devices": 0}).devices == ("0",)
    assert ModelArguments.of("a.gguf", {"devices": ["CUDA0", 1]}).devices == ("CUDA0", "1")


def test_what_is_no_gguf_is_refused(tmp_path: Path, tiny_checkpoint: Path) -> None:
    with pytest.raises(EdgevalError, match="nothing at"):
        EdgevalLM(str(tmp_path / "a.gguf"))
    with pytest.raises(EdgevalError, match="is a checkpoint, and no GGUF; edgeval convert"):
        EdgevalLM(str(tiny_checkpoint))
    with pytest.raises(EdgevalError, match="no model is named"):
        EdgevalLM("")


def test_a_batch_size_that_is_no_number_is_refused(tiny_f32: Path) -> None:
    with pytest.raises(EdgevalError, match="batch_size 'many' is no number"):
        EdgevalLM(str(tiny_f32), batch_size="many")
    EdgevalLM(str(tiny_f32), kernels="plain", batch_size="auto:4", max_batch_size=8)
