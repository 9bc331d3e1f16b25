from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")

from lm_eval.api.instance import Instance

from edgeval.integrations.lm_eval import EdgevalLM


@pytest.fixture
def instances() -> Callable[..., list[Instance]]:
    """Make the harness's own requests of their arguments."""

    def made(kind: Any, *arguments: tuple[Any, ...]) -> list[Instance]:
        return [
            Instance(kind, {}, each, index, ("task", index, 1))
            for index, each in enumerate(arguments)
        ]

    return made


@pytest.fixture
def tiny_lm(tiny_f32: Path) -> EdgevalLM:
    return EdgevalLM(str(tiny_f32), kernels="plain", threads=1)
