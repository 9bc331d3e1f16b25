"""Samples as lm-evaluation-harness logs them: real ones of two models, and rows of our own."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.helpers.paths import GOLDEN

DATE = "2026-11-27T08-31-34.468939"


def unpacked(folder: Path) -> tuple[Path, Path]:
    """Write the samples that scripts/golden/lm_eval_samples.py has made; return both folders."""
    with zipfile.ZipFile(GOLDEN / "lm_eval_samples.zip") as archive:
        archive.extractall(folder)
    return folder / "demo", folder / "demo-coarse"


def row(doc_id: int, **changes: Any) -> dict[str, Any]:
    """Return a sample of a question with two choices, answered rightly."""
    plain: dict[str, Any] = {
        "doc_id": doc_id,
        "doc": {"question": f"Question {doc_id}?"},
        "target": "0",
        "arguments": {
            "gen_args_0": {"arg_0": f"Question {doc_id}?", "arg_1": " yes"},
            "gen_args_1": {"arg_0": f"Question {doc_id}?", "arg_1": " no"},
        },
        "resps": [[["-1.0", "True"]], [["-2.0", "False"]]],
        "filtered_resps": [["-1.0", "True"], ["-2.0", "False"]],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"doc {doc_id}",
        "prompt_hash": f"prompt {doc_id}",
        "target_hash": "0",
        "acc": 1.0,
    }
    return {**plain, **changes}


def write_rows(path: Path, rows: Sequence[object]) -> Path:
    """Write samples as the harness does, with NaN where a number is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows), encoding="utf-8")
    return path


def answers(right: Sequence[int], **changes: Any) -> list[dict[str, Any]]:
    """Return samples of items that are right, 1, or wrong, 0."""
    return [row(doc_id, acc=float(each), **changes) for doc_id, each in enumerate(right)]
