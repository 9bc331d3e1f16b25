"""Forecasts whose numbers add up, for tests of the views."""

from __future__ import annotations

from typing import Any

from edgeval.records.forecast import (
    Alternative,
    EnergyForecast,
    Forecast,
    PartForecast,
    Range,
    sum_of,
)
from tests.helpers.report_parts import DEVICE, MADE_AT


def exactly(value: float) -> Range:
    return Range(low=value, value=value, high=value)


def example_part(label: str = "F16", seconds: float = 600.0, **changes: Any) -> PartForecast:
    fields: dict[str, Any] = {
        "label": label,
        "type": label,
        "task": "hellaswag",
        "n_items": exactly(1000),
        "n_stored": 0,
        "tokens_per_s": 512.0,
        "time_s": Range(low=0.8 * seconds, value=seconds, high=1.3 * seconds),
        "memory_bytes": 3 * 2**30,
    }
    return PartForecast(**(fields | changes))


def example_forecast(*parts: PartForecast, **changes: Any) -> Forecast:
    chosen = list(parts) or [
        example_part(),
        example_part("Q4_K_M", 1200.0, n_items=Range(low=300, value=700, high=1000)),
    ]
    fields: dict[str, Any] = {
        "edgeval_version": "0.1.0",
        "created_at": MADE_AT,
        "device": DEVICE,
        "threads": 4,
        "calibration_s": 19.5,
        "parts": chosen,
        "time_s": sum_of([part.time_s for part in chosen]),
        "memory_bytes": 3_500_000_000,
        "free_bytes": 8 * 2**30,
        "energy": [EnergyForecast(source="a meter", watts=6.0, joules=exactly(10_800.0))],
        "alternatives": [
            Alternative(options="--until 1.0", time_s=exactly(900.0), meaning="what differs")
        ],
    }
    return Forecast(**(fields | changes))
