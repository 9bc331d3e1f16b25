"""Contradictions of published numbers: shares of items, and an average of their row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgeval.records import Claim

_ROUNDING = 1e-9
"""Keeps what is exactly as far away as the roundings allow."""


def contradiction(claims: Sequence[Claim]) -> str:
    """Return in what the published numbers of a model contradict themselves, as a sentence.

    It is empty where they do not.

    Args:
        claims: All published numbers of the model; those with the same average are its row.
    """
    found = [*_no_shares(claims), *_no_means(claims)]
    return f"The row contradicts itself: {', and '.join(found)}." if found else ""


def _no_shares(claims: Sequence[Claim]) -> Iterator[str]:
    """Yield which numbers are no share of their items, rounded as they were printed."""
    for claim in claims:
        if not claim.counts:
            below = int(claim.value * claim.n_items / 100)
            near = (
                f"{count:,} right are {100 * count / claim.n_items:.{claim.places}f}"
                for count in (below, below + 1)
            )
            yield (
                f"{claim.task} {claim.printed} is no share of {claim.n_items:,} items "
                f"({', '.join(near)})"
            )


def _no_means(claims: Sequence[Claim]) -> Iterator[str]:
    """Yield which averages are not the mean of their row.

    Each printed number may be half of its last digit off, and so may their mean, and the average.
    """
    for average in dict.fromkeys(claim.row_average for claim in claims):
        row = [claim for claim in claims if claim.row_average == average]
        if average is None:
            continue
        places = average.decimals
        mean = sum(claim.value for claim in row) / len(row)
        unsure = 10.0**-places / 2 + sum(10.0**-claim.places for claim in row) / 2 / len(row)
        if abs(mean - average.value) > unsure + _ROUNDING:
            plural = "" if len(row) == 1 else "s"
            numbers = f"its {len(row)} number{plural} ({mean:.{places}f})"
            yield f"its average {average.value:.{places}f} is not the mean of {numbers}"
