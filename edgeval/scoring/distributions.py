"""Distributions: what the logits of a batch say about them, read while they are reduced."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgeval.errors import EdgevalError, EngineError
from edgeval.stats.positions import by_range
from edgeval.stats.top_logprobs import (
    N_DRAWN,
    N_TOKENS,
    ItemDivergence,
    TopLogprobs,
    draw,
    join,
    kl,
    remainder,
    rest,
    top,
)
from edgeval.tasks.item import Item
from edgeval.tasks.requests import Batch, Request

Wanted = Mapping[int, TopLogprobs | None]
"""Items or requests that are looked at closer, by their indices: with None a sketch is made, with
the sketch of a reference the divergence from it is computed. All are of one kind."""


@dataclass(frozen=True)
class RequestDivergence:
    """How far a model is from the reference on one request. Arrays have shape (n_scored,).

    Attributes:
        kl: The coarsened KL divergence at each position, in nats, float64.
        is_same_top: Whether both have the same most likely token.
        remainder: The mass that the reference leaves to the tokens it does not list, float64.
        rest: What the whole divergence has beyond the coarsened one, in nats, as each drawn token
            estimates it; shape (n_scored, n_drawn), float64.
    """

    kl: npt.NDArray[np.float64]
    is_same_top: npt.NDArray[np.bool_]
    remainder: npt.NDArray[np.float64]
    rest: npt.NDArray[np.float64]


def of_requests(
    wanted: Wanted, items: Sequence[Item], choices: Sequence[Sequence[Request]], n_vocab: int
) -> dict[int, TopLogprobs | None]:
    """Return what is wanted of requests from what is wanted of items.

    Args:
        wanted: By the indices of the items.
        items: The items.
        choices: For each item, the requests of its choices.
        n_vocab: Size of the model's vocabulary.

    Raises:
        EdgevalError: If a reference has other tokens than the model.
    """
    first_request = np.cumsum([0, *map(len, choices)]).tolist()
    found: dict[int, TopLogprobs | None] = {}
    for index, reference in wanted.items():
        counts = [len(request.tokens) - request.start for request in choices[index]]
        ends = list(itertools.accumulate(counts))
        if reference is not None and (len(reference) != ends[-1] or reference.ids.max() >= n_vocab):
            raise EdgevalError(
                f"item {items[index].id}: the reference has other tokens than this model; compare "
                "models of one tokenizer"
            )
        for choice, (count, end) in enumerate(zip(counts, ends, strict=True)):
            part = None if reference is None else reference.part(slice(end - count, end))
            found[first_request[index] + choice] = part
    return found


def of_item(
    item: Item, parts: Sequence[TopLogprobs | RequestDivergence]
) -> TopLogprobs | ItemDivergence | None:
    """Return what was seen of an item from what was seen of its choices; None if nothing was.

    Raises:
        EngineError: If a log-probability is not finite.
    """
    sketches = [part for part in parts if isinstance(part, TopLogprobs)]
    divergences = [part for part in parts if isinstance(part, RequestDivergence)]
    if divergences:
        return _in_sum(item, divergences)
    sketch = join(sketches) if sketches else None
    if sketch is not None and not np.isfinite(sketch.logprobs).all():
        raise not_finite(item)
    return sketch


def _in_sum(item: Item, parts: Sequence[RequestDivergence]) -> ItemDivergence:
    """Return the divergence of an item from those of its choices."""
    # Choices begin with the same position, of which the same tokens were drawn: so what varies
    # independently is the sum over the item by one draw each, and not what is summed.
    by_draw = np.sum([part.rest.sum(axis=0) for part in parts], axis=0)
    kl_sum = float(sum(float(part.kl.sum()) for part in parts))
    if not (np.isfinite(kl_sum) and np.isfinite(by_draw).all()):
        raise not_finite(item)
    is_known, has_variance = len(by_draw) > 0, len(by_draw) > 1
    return ItemDivergence(
        n_positions=sum(len(part.kl) for part in parts),
        kl_sum=kl_sum,
        n_same_top=sum(int(part.is_same_top.sum()) for part in parts),
        remainder_sum=float(sum(float(part.remainder.sum()) for part in parts)),
        rest_sum=float(by_draw.mean()) if is_known else None,
        rest_variance=float(by_draw.var(ddof=1)) / len(by_draw) if has_variance else None,
        by_range=by_range([part.kl for part in parts], [part.rest for part in parts]),
    )


def not_finite(item: Item) -> EngineError:
    """Return the error to raise where a log-probability of an item is not finite."""
    return EngineError(
        f"item {item.id}: a log-probability is not finite; the model file is damaged or this "
        "backend computes it wrongly, so make the file again or use --backend cpu"
    )


class DistributionReader:
    """The requests of a batch that are looked at closer, and what is read of them."""

    def __init__(self, batch: Batch, wanted: Wanted, n_vocab: int) -> None:
        """Find what is to be read.

        Args:
            batch: What the logits are of.
            wanted: The requests that are looked at closer, whether they are in the batch or not.
            n_vocab: Size of the model's vocabulary.
        """
        ends = np.cumsum(batch.counts)
        rows, references = [np.zeros(0, np.int32)], []
        self._parts: dict[int, slice] = {}
        n_positions = 0
        for request, begin, end in zip(
            batch.requests.tolist(), ends - batch.counts, ends, strict=True
        ):
            if request in wanted:
                rows.append(batch.rows[begin:end])
                references.append(wanted[request])
                self._parts[request] = slice(n_positions, n_positions + int(end - begin))
                n_positions += int(end - begin)
        self._rows = np.concatenate(rows)
        self._order = np.argsort(self._rows, kind="stable")
        self._sorted_rows = self._rows[self._order]
        known = [each for each in references if each is not None]
        self._reference = join(known) if known else None
        # Of a vocabulary that is listed as a whole there is nothing to draw.
        self._n_drawn = N_DRAWN if n_vocab > N_TOKENS else 0
        shape = (n_positions, min(N_TOKENS, n_vocab) + self._n_drawn)
        self._ids = np.empty(shape, np.uint32) if self._reference is None else self._reference.ids
        self._logprobs = np.empty(self._ids.shape, np.float32)
        self._top = np.empty(n_positions, np.uint32)

    def read(
        self,
        logits: npt.NDArray[np.float32],
        rows: slice,
        largest: npt.NDArray[np.float32],
        log_sums: npt.NDArray[np.float64],
    ) -> None:
        """Read some rows; threads may read different ones at once.

        Args:
            logits: Those of the batch, shape (n_rows, n_vocab), float32.
            rows: Which of them.
            largest: The largest logit of each row, shape (n_rows,), float32.
            log_sums: Log of the sum of the exponentials of what the others are below it, shape
                (n_rows,), float64.
        """
        begin, end = np.searchsorted(self._sorted_rows, (rows.start, rows.stop))
        if begin == end:
            return
        at = self._order[begin:end]
        # Choices that begin with the same token share a row.
        distinct, which = np.unique(self._sorted_rows[begin:end], return_inverse=True)
        if self._reference is None:
            self._ids[at] = self._chosen(logits[distinct])[which]
        else:
            self._top[at] = logits[distinct].argmax(axis=1)[which]
        source = self._rows[at, np.newaxis]
        chosen = logits[source, self._ids[at]].astype(np.float64)
        self._logprobs[at] = chosen - largest[source] - log_sums[source]

    def _chosen(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
        """Return the tokens that a sketch keeps of each row."""
        listed = top(logits, self._ids.shape[1] - self._n_drawn)
        if not self._n_drawn:
            return listed
        return np.concatenate([listed, draw(logits, listed, self._n_drawn)], axis=1)

    def seen(self) -> dict[int, TopLogprobs | RequestDivergence]:
        """Return what was read, by request, once all rows of the batch are."""
        if self._reference is None:
            whole = TopLogprobs(self._ids, self._logprobs, self._n_drawn)
            return {request: whole.part(part) for request, part in self._parts.items()}
        found = self._divergence(self._reference)
        return {
            request: RequestDivergence(
                found.kl[part], found.is_same_top[part], found.remainder[part], found.rest[part]
            )
            for request, part in self._parts.items()
        }

    def _divergence(self, reference: TopLogprobs) -> RequestDivergence:
        """Return the divergence from a reference at all positions."""
        listed = slice(reference.n_listed)
        return RequestDivergence(
            kl=kl(reference.logprobs[:, listed], self._logprobs[:, listed]),
            is_same_top=self._ids[:, 0] == self._top,
            remainder=remainder(reference.logprobs[:, listed]),
            rest=rest(reference.logprobs, self._logprobs, reference.n_drawn),
        )
