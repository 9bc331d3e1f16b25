"""Self-checks of a GPU that the CPU stands in for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgeval.evaluation import selfcheck
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import EvalSetup, prepare
from edgeval.records import SelfCheck


class Compared:
    """Counts the comparisons with the CPU; what is given is put in place of what they found."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
        self.count = 0
        self._compare = selfcheck._compared
        self._changes = changes
        monkeypatch.setattr(selfcheck, "_compared", self)

    def __call__(self, *arguments: Any) -> SelfCheck:
        self.count += 1
        return self._compare(*arguments).model_copy(update=self._changes)


def setup_of(items: Path, **options: Any) -> EvalSetup:
    given = {"backend": "cuda", "batch_tokens": 256, "threads": 1, "limit": 4}
    return prepare(Options(data=items, **(given | options)))
