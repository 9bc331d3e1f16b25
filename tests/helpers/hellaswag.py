"""Rows of HellaSwag, as its data set has them."""

from __future__ import annotations

from typing import Any

from edgeval.tasks.hellaswag import HellaSwagRow

ROW: dict[str, Any] = {
    "ind": 24,
    "activity_label": "Roof shingle removal",
    "ctx_a": "A man is sitting on a roof.",
    "ctx_b": "he",
    "ctx": "A man is sitting on a roof. he",
    "endings": ["wraps skis.", "rips tiles off.", "holds a cube.", "pulls up roofing."],
    "source_id": "activitynet~v_-JhWjGDPHMY",
    "split": "val",
    "split_type": "indomain",
    "label": "3",
}
WIKIHOW: dict[str, Any] = {
    "ind": 7,
    "activity_label": "Family Life",
    "ctx_a": "[header] How to fly [title] Jump. [step] Keep calm.",
    "ctx_b": "",
    "ctx": "[header] How to fly [title] Jump. [step] Keep calm.",
    "endings": [
        "Fall. [substeps] Stand up.",
        "Land. [title] Rest. [step] Sleep.",
        "[substeps] Ask the NBA.",
        "Flap  twice. [step]",
    ],
    "source_id": "wikihow~54775",
    "label": "1",
}


def record(row: dict[str, Any] | None = None, **changes: Any) -> HellaSwagRow:
    return HellaSwagRow.model_validate((row or ROW) | changes)
