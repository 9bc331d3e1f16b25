"""Distributions of some items of one GGUF: which are wanted, stored, or missing still."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from edgeval.records import Divergence, Drawn
from edgeval.scoring.results import ItemResult
from edgeval.scoring.timing import Stint
from edgeval.stats.kl import divergence
from edgeval.stats.top_logprobs import VERSION, ItemDivergence, TopLogprobs
from edgeval.store.plans import StoredPlan
from edgeval.store.stored_run import StoredRun
from edgeval.tasks.requests import Work


@dataclass(frozen=True)
class KeepTopLogprobs:
    """That a reference's distributions are kept in short.

    Attributes:
        indices: Of these items, by their indices, in this order.
        drawn: How these were drawn.
    """

    indices: Sequence[int]
    drawn: Drawn = "unknown"


@dataclass(frozen=True)
class ReferenceTopLogprobs:
    """What a reference says of some items; wanted of another model, its divergence from that.

    Attributes:
        reference: Hash of all that could change it: the version of sketches, the GGUF and the
            setting in which it was run.
        of_index: The sketches by index, in the order in which they were drawn.
        drawn: How the items were drawn.
    """

    reference: str
    of_index: Mapping[int, TopLogprobs]
    drawn: Drawn = "unknown"


class DistributionWork:
    """What is to be known of distributions of one GGUF; grows while its items are scored."""

    def __init__(
        self,
        wanted: KeepTopLogprobs | ReferenceTopLogprobs | None,
        indices: Sequence[int],
        stored_run: StoredRun,
        gguf_sha256: str,
    ) -> None:
        """Look up what the store has.

        Args:
            wanted: What is to be looked at.
            indices: The items that are evaluated; of others nothing is wanted.
            stored_run: What the store has of the GGUF.
            gguf_sha256: Hash of the GGUF.
        """
        self._run = stored_run
        self._reference = ""
        self._found: dict[int, TopLogprobs | ItemDivergence] = {}
        self._wanted: dict[int, TopLogprobs | None] = {}
        self._drawn: Drawn = "unknown" if wanted is None else wanted.drawn
        stored = stored_run.distributions
        if isinstance(wanted, KeepTopLogprobs):
            identity = f"{VERSION} {gguf_sha256} {stored_run.key}"
            self._reference = hashlib.sha256(identity.encode()).hexdigest()
            evaluated = set(indices)
            self._wanted = {index: None for index in wanted.indices if index in evaluated}
            self._found |= stored.sketches(self._wanted.keys())
        elif wanted is not None:
            evaluated = set(indices)
            self._reference = wanted.reference
            self._wanted = {
                index: each for index, each in wanted.of_index.items() if index in evaluated
            }
            self._found |= stored.divergences(self._reference, self._wanted.keys())

    def missing(self) -> dict[int, TopLogprobs | None]:
        """Return what is to be looked at still, by index: a reference's sketch, or None."""
        return {index: each for index, each in self._wanted.items() if index not in self._found}

    def save(
        self, plan: StoredPlan, results: Mapping[int, ItemResult], work: Work, stint: Stint
    ) -> None:
        """Save scores and what was seen with them, in one transaction.

        Args:
            plan: The plan that they are of.
            results: By index.
            work: What was done since the last call.
            stint: What this command takes for the plan; grows by that.
        """
        stint.add(work, len(results))
        scores = {index: result.score for index, result in results.items()}
        seen = {index: result.seen for index, result in results.items()}
        sketches = {index: each for index, each in seen.items() if isinstance(each, TopLogprobs)}
        divergences = {
            index: each for index, each in seen.items() if isinstance(each, ItemDivergence)
        }
        self._run.save(
            plan,
            scores,
            work,
            stint=stint.speed,
            sketches=sketches,
            reference=self._reference,
            divergences=divergences,
        )
        self._found.update(sketches)
        self._found.update(divergences)

    def top_logprobs(self) -> ReferenceTopLogprobs | None:
        """Return the sketches that were wanted of items that were evaluated; None if none."""
        in_order = [(index, self._found.get(index)) for index in self._wanted]
        found = {index: each for index, each in in_order if isinstance(each, TopLogprobs)}
        return ReferenceTopLogprobs(self._reference, found, self._drawn) if found else None

    def divergence(self, evaluated: Iterable[int] | None = None) -> Divergence | None:
        """Return the divergence over the items that were evaluated; None if none was wanted.

        Args:
            evaluated: The items of an evaluation that stopped early, in the order in which they
                were drawn. An item that was drawn for what it can tell may have a sketch by chance,
                and is no part of a sample: so only those count with which both orders begin.
        """
        order = list(self._wanted)
        if evaluated is not None:
            pairs = zip(order, evaluated, strict=False)
            order = [
                index for index, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)
            ]
        in_order = [self._found.get(index) for index in order]
        found = [each for each in in_order if isinstance(each, ItemDivergence)]
        return divergence(found, self._drawn) if found else None
