"""Trial: the parts of a run are tried for some seconds, to know what they will take."""

from __future__ import annotations

import functools
import math
import operator
import time
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from edgeval.engine import Calibration, running
from edgeval.errors import EngineDiedError, KernelError
from edgeval.evaluation.forecast.parts import Part
from edgeval.records.speeds import Parts
from edgeval.sensors.energy import Power, mean_power
from edgeval.sensors.sampler import Sampler, sources
from edgeval.system.progress import Progress

TRIAL_S = 20.0
_PROBE_S = 0.5
_OF_MACHINE = 0.1
"""How far the speed of a machine moves by itself in an hour, relatively."""
_OF_SMALL_BATCHES = 0.15
"""How far smaller batches may be from those of the plan."""
_OF_OTHERS = 0.4
"""How far the speeds of types are apart."""
_LEVEL, _MOST = 0.9, 0.5


@dataclass(frozen=True)
class Rate:
    """How fast a part is.

    Attributes:
        token_s: Seconds a token.
        error: How far it may be off, relatively.
        is_tried: Whether this part was tried, not another.
    """

    token_s: float
    error: float
    is_tried: bool = True


class Trial:
    """Tries parts, the first one last: its model stays loaded, since its items are scored next.

    Attributes:
        elapsed_s: Seconds that it took so far.
        power: Mean power by each source while all were tried.
    """

    def __init__(self, parts: Sequence[Part], progress: Progress) -> None:
        """Try nothing yet."""
        self._todo = [part for part in parts if part.todo]
        self._progress = progress
        self._found: dict[Part, Calibration] = {}
        self._other_bytes = 0
        self.elapsed_s = 0.0
        self.power: list[Power] = []

    def probe(self) -> bool:
        """Try the first part that has items left, in less than a second besides loading.

        Returns:
            Whether anything is to be scored, and could be.
        """
        if self._todo:
            self._try(self._todo[0], _PROBE_S)
        return bool(self._found)

    def try_all(self) -> None:
        """Try each part for its share of the time."""
        first, *others = self._todo
        has_gpus = any(part.setup.devices for part in self._todo)
        begin_s = time.monotonic()
        end_s = begin_s + TRIAL_S - self.elapsed_s
        with (
            Sampler(sources(has_gpus=has_gpus)) as sampler,
            self._progress.task("calibrate", len(self._todo), "tests") as task,
        ):
            for n_done, part in enumerate([*others, first]):
                left_s = max(0.0, end_s - time.monotonic())
                self._try(part, left_s / (len(self._todo) - n_done))
                task.advance(1)
        self.power = mean_power(sampler.samples, begin_s, time.monotonic())

    def _try(self, part: Part, budget_s: float) -> None:
        """Try a part; without time, plan it unless another tells how many tokens it has."""
        if not budget_s and any(_decode_alike(part, other) for other in self._found):
            return
        began_s = time.monotonic()
        try:
            with running() as engine:
                doing = f"calibrating with {part.model.gguf.path.name}"
                found: Calibration = engine.ask("calibrate", part.job(), budget_s, doing=doing)
        except (EngineDiedError, KernelError):
            # The run will die of it as well, and says so then.
            return
        self._other_bytes = self._other_bytes or found.other_bytes or 0
        self._found[part] = found
        self.elapsed_s += time.monotonic() - began_s

    def tokens(self, part: Part) -> int:
        """Return how many tokens a part decodes, if nothing stops it early."""
        return self._found[self._nearest(part)].tokens

    def overhead_s(self, part: Part) -> float:
        """Return seconds of planning, loading and looking closer."""
        nearest = self._found[self._nearest(part)]
        own_s = self._found[part].load_s if part in self._found else 0.0
        longest_s = max(each.load_s for each in self._found.values())
        return nearest.plan_s + nearest.closer_s + (own_s or longest_s)

    def memory_bytes(self, part: Part) -> int:
        """Return what the process that computes will hold at most."""
        nearest = self._nearest(part)
        weights = part.model.gguf.file_bytes - nearest.model.gguf.file_bytes
        return self._other_bytes + self._found[nearest].memory_bytes + weights

    def rate(self, part: Part) -> Rate:
        """Return how fast a part is, by its own trial or by those of others."""
        own = self._found.get(part)
        if own is not None and own.batches:
            return _rate_of(own)
        tried = [_rate_of(each) for each in self._found.values() if each.batches]
        mean = sum(each.token_s for each in tried) / len(tried)
        error = math.hypot(_OF_OTHERS, max(each.error for each in tried))
        return Rate(mean, error, is_tried=False)

    def _nearest(self, part: Part) -> Part:
        """Return a part, or of those that were tried one that is most like it."""
        if part in self._found:
            return part
        same_task = (other for other in self._found if other.setup.data == part.setup.data)
        return next(same_task, next(iter(self._found)))


def _decode_alike(one: Part, other: Part) -> bool:
    """Return whether two parts decode the same tokens."""
    sizes = {each.model.placement.batch_tokens for each in (one, other)}
    return one.setup.data == other.setup.data and one.todo == other.todo and len(sizes) == 1


def _rate_of(found: Calibration) -> Rate:
    """Return the ratio of seconds to tokens, and how far it may be off.

    The error is that of the ratio, with Student's t; those of the machine and of smaller batches
    add to it.
    """
    n_tokens = sum(tokens for tokens, _ in found.batches)
    elapsed_s = sum(seconds for _, seconds in found.batches)
    parts = functools.reduce(operator.add, (Parts.of(*batch) for batch in found.batches))
    error = parts.error(n_tokens / elapsed_s, elapsed_s)
    of_batches = _MOST / 2
    if error is not None:
        quantile = float(stdtrit(parts.n - 1, (1 + _LEVEL) / 2))
        of_batches = min(_MOST, quantile * error * elapsed_s / n_tokens)
    of_size = 0.0 if found.is_full else _OF_SMALL_BATCHES
    return Rate(elapsed_s / n_tokens, math.hypot(_OF_MACHINE, of_batches, of_size))
