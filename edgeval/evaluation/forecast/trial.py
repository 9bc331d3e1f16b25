"""Trial: the parts of a run are tried for some seconds, to know what they will take."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from scipy.special import stdtrit

from edgeval.engine import Calibration, running
from edgeval.errors import EngineDiedError, KernelError
from edgeval.evaluation.forecast.parts import Part
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
        self._parts, self._progress = parts, progress
        self._found: dict[int, Calibration] = {}
        self.elapsed_s = 0.0
        self.power: list[Power] = []
        self.other_bytes = 0

    def probe(self) -> bool:
        """Try the first part that has items left, in less than a second besides loading.

        Returns:
            Whether anything is to be scored, and could be.
        """
        first = next((at for at, part in enumerate(self._parts) if part.todo), None)
        if first is not None:
            self._try(first, _PROBE_S)
        return bool(self._found)

    def try_all(self) -> None:
        """Try each part for its share of the time."""
        order = [at for at, part in enumerate(self._parts) if part.todo]
        order = [*order[1:], *order[:1]]
        has_gpus = any(part.setup.devices for part in self._parts)
        end_s = time.monotonic() + TRIAL_S - self.elapsed_s
        begin_s = time.monotonic()
        with (
            self._sampled(has_gpus) as sampler,
            self._progress.task("calibrate", len(order), "tests") as task,
        ):
            for n_done, at in enumerate(order):
                left_s = max(0.0, end_s - time.monotonic())
                self._try(at, left_s / (len(order) - n_done))
                task.advance(1)
        self.power = mean_power(sampler.samples, begin_s, time.monotonic())

    def _sampled(self, has_gpus: bool) -> AbstractContextManager[Sampler]:
        return Sampler(sources(has_gpus=has_gpus))

    def _try(self, at: int, budget_s: float) -> None:
        part, began_s = self._parts[at], time.monotonic()
        like = None if budget_s else self._like(part)
        if like is None:
            try:
                with running() as engine:
                    doing = f"calibrating with {part.model.gguf.path.name}"
                    found = engine.ask("calibrate", part.job(), budget_s, doing=doing)
            except (EngineDiedError, KernelError):
                # The run will die of it as well, and says so then.
                return
            self.other_bytes = self.other_bytes or found.other_bytes or 0
            self._found[at] = found
        self.elapsed_s += time.monotonic() - began_s

    def _like(self, part: Part) -> Calibration | None:
        """Return the calibration of a part that decodes the same tokens."""
        for at, found in self._found.items():
            other = self._parts[at]
            same_size = other.model.placement.batch_tokens == part.model.placement.batch_tokens
            if other.setup.data == part.setup.data and other.todo == part.todo and same_size:
                return found
        return None

    def tokens(self, part: Part) -> int:
        """Return how many tokens a part decodes, if nothing stops it early."""
        _, found = self._nearest(part)
        return found.tokens

    def overhead_s(self, part: Part) -> float:
        """Return seconds of planning, loading and looking closer."""
        _, nearest = self._nearest(part)
        own = self._found.get(self._parts.index(part))
        longest = max((each.load_s for each in self._found.values()), default=0.0)
        return nearest.plan_s + nearest.closer_s + (own.load_s if own and own.load_s else longest)

    def memory_bytes(self, part: Part) -> int:
        """Return what the process that computes will hold at most."""
        other, nearest = self._nearest(part)
        weights = part.model.gguf.file_bytes - other.model.gguf.file_bytes
        return self.other_bytes + nearest.memory_bytes + weights

    def rate(self, part: Part) -> Rate:
        """Return how fast a part is, by its own trial or by those of others."""
        own = self._found.get(self._parts.index(part))
        if own is not None and own.batches:
            return _rate_of(own)
        tried = [_rate_of(each) for each in self._found.values() if each.batches]
        mean = sum(each.token_s for each in tried) / len(tried)
        error = math.hypot(_OF_OTHERS, max(each.error for each in tried))
        return Rate(mean, error, is_tried=False)

    def _nearest(self, part: Part) -> tuple[Part, Calibration]:
        """Return the calibration of a part, or of one that is most like it."""
        at = self._parts.index(part)
        if at in self._found:
            return part, self._found[at]
        found = [(self._parts[other], each) for other, each in self._found.items()]
        same_task = [pair for pair in found if pair[0].setup.data == part.setup.data]
        return (same_task or found)[0]


def _rate_of(found: Calibration) -> Rate:
    """Return the ratio of seconds to tokens, and how far it may be off.

    The error of a ratio is that of Cochran, Sampling Techniques, 3rd edition, section 6.3, with
    Student's t; that of the machine and of smaller batches add to it.
    """
    tokens = [n for n, _ in found.batches]
    seconds = [s for _, s in found.batches]
    n, ratio = len(tokens), sum(seconds) / sum(tokens)
    residuals = sum((s - ratio * t) ** 2 for t, s in found.batches)
    of_batches = 0.0
    if n > 1:
        spread = math.sqrt(residuals / (n - 1) / n) / (sum(seconds) / n)
        of_batches = float(stdtrit(n - 1, (1 + _LEVEL) / 2)) * spread
    parts = [_OF_MACHINE, min(_MOST, of_batches if n > 1 else _MOST / 2)]
    if not found.is_full:
        parts.append(_OF_SMALL_BATCHES)
    return Rate(ratio, math.hypot(*parts))
