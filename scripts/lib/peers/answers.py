"""Two tools' log-probabilities of the same choices, compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scripts.lib.peers.process import PeerError

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Answers:
    """What one tool says about the items.

    Attributes:
        ids: The items' ``ind``.
        gold: Index of each item's right choice.
        logprobs: Summed log-probability of each choice in nats, shape (items, choices).
        n_chars: Characters of each choice, shape (items, choices).
    """

    ids: list[str]
    gold: list[int]
    logprobs: Float64
    n_chars: Float64

    def picks(self, metric: str) -> npt.NDArray[np.intp]:
        """Return the pick of each item by ``acc`` or ``acc_norm``."""
        scores = self.logprobs / self.n_chars if metric == "acc_norm" else self.logprobs
        picks: npt.NDArray[np.intp] = np.argmax(scores, axis=1)
        return picks

    def correct(self, metric: str) -> int:
        """Return the number of right picks."""
        return int((self.picks(metric) == np.array(self.gold)).sum())


@dataclass(frozen=True)
class Agreement:
    """How two tools' answers differ.

    Attributes:
        n_items: Number of items.
        max_change: Largest difference of a choice's log-probability, in nats.
        median_change: Median of it.
        acc_picks: Items whose picks differ by ``acc``.
        acc_norm_picks: Items whose picks differ by ``acc_norm``.
        acc_correct: Right picks of both by ``acc``.
        acc_norm_correct: Right picks of both by ``acc_norm``.
    """

    n_items: int
    max_change: float
    median_change: float
    acc_picks: int
    acc_norm_picks: int
    acc_correct: tuple[int, int]
    acc_norm_correct: tuple[int, int]

    HEADER = (
        "items",
        "max \\|Δ logprob\\|",
        "median",
        "other picks: acc",
        "acc_norm",
        "right by acc",
        "by acc_norm",
    )

    def row(self) -> list[str]:
        """Return the cells of a table under ``HEADER``."""
        return [
            f"{self.n_items:,}",
            f"{self.max_change:.2g}",
            f"{self.median_change:.2g}",
            str(self.acc_picks),
            str(self.acc_norm_picks),
            " / ".join(map(str, self.acc_correct)),
            " / ".join(map(str, self.acc_norm_correct)),
        ]

    def as_json(self) -> dict[str, Any]:
        """Return the agreement as a JSON object."""
        return asdict(self)


def from_edgeval(samples: Sequence[dict[str, Any]]) -> Answers:
    """Read the rows of ``edgeval eval --samples``."""
    return Answers(
        ids=[str(row["item"]) for row in samples],
        gold=[int(row["gold"]) for row in samples],
        logprobs=np.array([row["logprobs"] for row in samples], dtype=np.float64),
        n_chars=np.array([row["n_chars"] for row in samples], dtype=np.float64),
    )


def from_reference(policy: dict[str, Any], n_chars: Float64) -> Answers:
    """Read one BOS policy of the record that ``scripts.demo.claim`` writes."""
    rows = policy["items"]
    return Answers(
        ids=[str(row["ind"]) for row in rows],
        gold=[int(row["gold"]) for row in rows],
        logprobs=np.array([row["logprobs"] for row in rows], dtype=np.float64),
        n_chars=n_chars,
    )


def from_lm_eval(samples: Sequence[dict[str, Any]], n_chars: Float64) -> Answers:
    """Read the samples that lm-evaluation-harness logs."""
    pairs = [row["filtered_resps"] for row in samples]
    return Answers(
        ids=[str(row["doc"]["ind"]) for row in samples],
        gold=[int(row["doc"]["gold"]) for row in samples],
        logprobs=np.array([[float(pair[0]) for pair in row] for row in pairs], dtype=np.float64),
        n_chars=n_chars,
    )


def compare(left: Answers, right: Answers) -> Agreement:
    """Compare two tools' answers to the same items in the same order.

    Raises:
        PeerError: If the items are not the same.
    """
    if left.ids != right.ids or left.gold != right.gold:
        raise PeerError("the two tools did not answer the same items in the same order")
    change = np.abs(left.logprobs - right.logprobs)
    return Agreement(
        n_items=len(left.ids),
        max_change=float(change.max()),
        median_change=float(np.median(change)),
        acc_picks=int((left.picks("acc") != right.picks("acc")).sum()),
        acc_norm_picks=int((left.picks("acc_norm") != right.picks("acc_norm")).sum()),
        acc_correct=(left.correct("acc"), right.correct("acc")),
        acc_norm_correct=(left.correct("acc_norm"), right.correct("acc_norm")),
    )
