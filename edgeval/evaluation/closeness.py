"""Closeness of a GPU's scores to the CPU's: how it is measured, and what it has to be.

Both round, so that they are never the same: before activations meet quantized weights a CPU rounds
them to 8 bits in blocks of 256 or 32, a GPU in others. Two things are held to a limit, and both
limits are relative to what is stated of the model at hand:

- *How far* log-probabilities are apart, beside what quantization itself does to the same items on
  the CPU. Each bit fewer doubles that, while the rounding of activations stays what it is.
- *Whither*: a shift of the gold choice's lead that all items have in common is a drift in accuracy
  that the model does not have. It may be a tenth of a point, a tenth of the smallest difference
  that a report's words turn on, beyond what so few items leave open. What has no direction averages
  out in an accuracy.

How far cannot be held to a tenth of a type's own drift: a sound GPU's rounding is 0.5 to 0.9 of
what quantization to Q8_0 and Q6_K does, in the mean (BENCHMARKS.md, "CUDA beside the CPU").
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from edgeval.records import SelfCheck
from edgeval.stats.metrics import margin
from edgeval.tasks.item import ItemScore

UNQUANTIZED_BARS = {"F32": 0.005, "F16": 0.015, "BF16": 0.015}
"""Nats a token for weights that are not quantized: about three times what was seen of a sound GPU
on texts that a model finds very improbable."""

LEAST_BAR = 0.005
"""What any other type may differ by, however little its quantization changes: F32's."""

SHIFT_POINTS = 0.1
"""What a GPU may shift accuracies by: a tenth of a point, the default margin."""

_ALONE_BARS = dict.fromkeys(("Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0"), 0.08)
_OTHER_ALONE_BAR = 0.25
"""For a quantized file without a reference, of which no drift is stated either."""

_CHANCE = 1e-4
_FEWEST_ITEMS = 8
_BITS = re.compile(r"\d+")
_BLOCKS_OF_32 = re.compile(r"Q\d_[01]")


def share_of_quantization(file_type: str) -> float | None:
    """Return how far a type may be from the CPU, over what quantization does to it.

    It is 2 for 8 and 6 bits, 1.6 for 5, 0.8 for 4, 0.4 for 3 and 0.2 for 2, and half of that for
    Q4 and Q5 of blocks of 32, which both sides round alike: 1.35 times or more what the worst of
    4,000 draws of 24 items was for a sound GPU.

    Args:
        file_type: llama.cpp's name of a quantized type.

    Returns:
        The share, or None if the name does not tell the bits.
    """
    bits = _BITS.search(file_type)
    if bits is None:
        return None
    most = 0.8 if _BLOCKS_OF_32.fullmatch(file_type) else 1.6
    return min(2.0, most * 2.0 ** (int(bits.group()) - 5))


def bar(file_type: str, own_change: float | None) -> float:
    """Return what the mean |Δ logprob| a token to the CPU may be, in nats.

    Args:
        file_type: llama.cpp's name of the type.
        own_change: What quantization does to the same items, in the same unit; None where there
            is no reference to tell it.
    """
    if file_type in UNQUANTIZED_BARS:
        return UNQUANTIZED_BARS[file_type]
    share = share_of_quantization(file_type)
    if own_change is None or share is None:
        return _ALONE_BARS.get(file_type, _OTHER_ALONE_BAR)
    return max(LEAST_BAR, share * own_change)


def token_change(ours: Sequence[ItemScore], theirs: Sequence[ItemScore]) -> float:
    """Return the mean over the choices of |Δ logprob| a token, in nats.

    Args:
        ours: Scores of some items.
        theirs: Other scores of the same items.
    """
    n_tokens = np.concatenate([score.n_tokens for score in theirs])
    return float((logprob_changes(ours, theirs) / n_tokens).mean())


def logprob_changes(
    ours: Sequence[ItemScore], theirs: Sequence[ItemScore]
) -> npt.NDArray[np.float64]:
    """Return |Δ logprob| of each choice in nats, shape (choices of all items,)."""
    pairs = zip(ours, theirs, strict=True)
    changes = [np.subtract(one.logprobs, two.logprobs) for one, two in pairs]
    found: npt.NDArray[np.float64] = np.abs(np.concatenate(changes))
    return found


def shift(
    ours: Sequence[ItemScore], theirs: Sequence[ItemScore], metric: str
) -> tuple[float, float] | None:
    """Return the drift in accuracy that a common shift of the gold choices' leads makes.

    An item turns where its lead passes zero. So to first order the accuracy moves by the mean
    change of the leads times their density at zero, which is estimated with a Gaussian kernel
    (Silverman 1986, Density Estimation, section 3.4.2).

    Args:
        ours: Scores of some items.
        theirs: The CPU's scores of the same items.
        metric: The metric whose leads they are.

    Returns:
        The drift in points, and the most that it may be, in either direction: a tenth of a point,
        and what a sound GPU exceeds by chance on so few items with a probability of 0.0001
        (Student's t). None where there are fewer than 8 items, or all leads are alike.
    """
    leads = np.array([margin(score, metric) for score in theirs])
    n_items, spread = len(leads), float(leads.std(ddof=1)) if len(leads) > 1 else 0.0
    if n_items < _FEWEST_ITEMS or spread == 0:
        return None
    changes = np.array([margin(score, metric) for score in ours]) - leads
    width = 1.06 * spread * n_items**-0.2
    density = float(np.exp(-0.5 * (leads / width) ** 2).mean()) / (width * np.sqrt(2 * np.pi))
    error = float(changes.std(ddof=1)) / np.sqrt(n_items)
    by_chance = float(stdtrit(n_items - 1, 1 - _CHANCE / 2)) * error
    scale = 100 * density
    return float(scale * changes.mean()), float(SHIFT_POINTS + scale * by_chance)


def too_far(found: SelfCheck) -> str:
    """Return what a check failed by, as a clause."""
    if found.token_change > found.bar:
        return (
            f"log-probabilities are {found.token_change:.2g} nats a token from the CPU's on "
            f"average, where {found.bar:.2g} are allowed"
        )
    return (
        f"the right choices' leads are shifted as by {found.shift_points:+.2g} points of accuracy, "
        f"where {found.shift_bar_points:.2g} are allowed"
    )
