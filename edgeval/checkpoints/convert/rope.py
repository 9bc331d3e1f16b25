"""Rotary embedding, as config.json says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

_NEEDED = {
    "default": (),
    "linear": ("factor",),
    "llama3": (
        "factor",
        "low_freq_factor",
        "high_freq_factor",
        "original_max_position_embeddings",
    ),
}
_UNREAD = ("type", "partial_rotary_factor")

Window = Annotated[int, Field(gt=0, lt=2**31)]


class Rope(BaseModel):
    """Parameters of the rotary embedding, under the names of Hugging Face transformers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    rope_type: Literal["default", "linear", "llama3"] = "default"
    rope_theta: float = Field(default=10000.0, gt=0)
    factor: float = Field(default=1.0, gt=0)
    low_freq_factor: float = Field(default=1.0, gt=0)
    high_freq_factor: float = Field(default=4.0, gt=0)
    original_max_position_embeddings: Window = 8192

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Rope:
        missing = [name for name in _NEEDED[self.rope_type] if name not in self.model_fields_set]
        if missing:
            raise ValueError(f"{self.rope_type} needs {' and '.join(missing)}")
        if self.rope_type == "llama3" and self.high_freq_factor <= self.low_freq_factor:
            raise ValueError("high_freq_factor is not above low_freq_factor")
        return self

    def factors(self, head_size: int) -> npt.NDArray[np.float32] | None:
        """Return the frequency divisors of Llama 3.1's scaling, shape (head size / 2,), float32.

        Source: the ``llama3`` rope initialization of Hugging Face transformers, in the float32
        steps of llama.cpp's converter. Only the power is rounded once from float64: PyTorch's own
        is off by a unit in the last place for one frequency in eighty.
        """
        if self.rope_type != "llama3":
            return None
        single = np.float32
        low, high = single(self.low_freq_factor), self.high_freq_factor - self.low_freq_factor
        window = self.original_max_position_embeddings
        steps = np.arange(0, head_size, 2, dtype=single) / single(head_size)
        powers = np.power(self.rope_theta, steps.astype(np.float64)).astype(single)
        wavelengths = single(2 * math.pi) * (single(1) / (single(1) / powers))
        smooth = (single(window) * (single(1) / wavelengths) - low) / single(high)
        factor = single(self.factor)
        factors = single(1) / ((single(1) - smooth) / factor + smooth)
        factors = np.where(wavelengths > single(window / self.low_freq_factor), factor, factors)
        is_short = wavelengths < single(window / self.high_freq_factor)
        return np.where(is_short, single(1), factors)


def gathered(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of either generation of configs, for ``Rope``.

    Raises:
        ValueError: If two places contradict each other: tools read one or the other.
    """
    old, new = (_parameters(config, name) for name in ("rope_scaling", "rope_parameters"))
    if old and new and old != new:
        raise ValueError("rope_scaling and rope_parameters differ")
    found = new or old
    theta = config.get("rope_theta")
    if theta is not None and found.setdefault("rope_theta", theta) != theta:
        raise ValueError("rope_theta differs from that of rope_parameters")
    return found


def _parameters(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    given = config.get(name) or {}
    if not isinstance(given, dict):
        raise ValueError(f"{name} is no object")
    found = {key: value for key, value in given.items() if value is not None}
    kinds = {str(found[key]) for key in ("type", "rope_type") if key in found}
    if len(kinds) > 1:
        raise ValueError(f"{name} is of the types {' and '.join(sorted(kinds))} at once")
    if found.get("partial_rotary_factor", 1) != 1:
        raise ValueError(f"{name} rotates a part of each head only")
    if kinds:
        found["rope_type"] = kinds.pop()
    return {key: value for key, value in found.items() if key not in _UNREAD}
