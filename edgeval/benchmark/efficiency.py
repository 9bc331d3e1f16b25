"""Efficiency: what a machine takes to compute, and what minutes of load leave of its speed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edgeval.records.bench import Bench, BenchedFile, Timing
from edgeval.records.sensors import Figure, MeanPower
from edgeval.report import curves
from edgeval.system.untrusted import printable

GENERATION: Final = "tg128"
"""The test whose power is compared, as llama-bench calls it."""

TELL_THROTTLING: Final = frozenset({"vcgencmd", "powermetrics"})
"""Sources that know whether clocks are held back: what they do not name did not happen."""

_LEAST_WATTS: Final = 1e-3


@dataclass(frozen=True)
class Efficiency:
    """What is known of one file on one machine.

    Attributes:
        watts: Power while tokens were generated; None if nobody says.
        source: Where that is from.
        joules_per_token: Energy of a token that is generated, with what the machine takes idle.
        items_per_joule: Items scored with a joule, by the same source.
        sustained_share: The share of its speed that a load over minutes leaves.
        hottest_c: The highest temperature of the CPU, in degrees Celsius.
        gpu_hottest_c: That of the GPUs.
        throttled: What held the clocks back, none if that is known; None if nobody says.
    """

    watts: float | None = None
    source: str = ""
    joules_per_token: float | None = None
    items_per_joule: float | None = None
    sustained_share: float | None = None
    hottest_c: float | None = None
    gpu_hottest_c: float | None = None
    throttled: list[str] | None = None

    @property
    def tokens_per_joule(self) -> float | None:
        """Tokens generated with a joule, which are tokens a second per watt."""
        return None if self.joules_per_token is None else 1 / self.joules_per_token


def fastest(file: BenchedFile) -> dict[str, Timing]:
    """Return each test by its name, with the number of threads that it was fastest with."""
    found: dict[str, Timing] = {}
    for timing in file.timings:
        known = found.get(timing.name)
        if known is None or timing.tokens_per_s > known.tokens_per_s:
            found[timing.name] = timing
    return found


def efficiency(bench: Bench, file: BenchedFile, test: str = GENERATION) -> Efficiency:
    """Return what is known of one file.

    Args:
        bench: The benchmark.
        file: One of its files.
        test: Name of the test whose power is taken.
    """
    timing, scoring = fastest(file).get(test), file.scoring
    of_tokens = _measured(timing.power if timing else ())
    of_items = _measured(scoring.power if scoring else ())
    # A meter's number comes before what a part of the machine tells of itself.
    source = next(iter([*of_tokens, *of_items]), "")
    watts, of_scoring = of_tokens.get(source), of_items.get(source)
    return Efficiency(
        watts=watts,
        source=printable(source, 60),
        joules_per_token=watts / timing.tokens_per_s if watts and timing else None,
        items_per_joule=scoring.items_per_s / of_scoring if of_scoring and scoring else None,
        sustained_share=1 - file.sustained.lost if file.sustained else None,
        hottest_c=_hottest(bench, file, bench.sensors.hottest_c, "temperature_c"),
        gpu_hottest_c=_hottest(bench, file, bench.sensors.gpu_hottest_c, "gpu_temperature_c"),
        throttled=_throttled(bench, file),
    )


def _measured(powers: Iterable[MeanPower]) -> dict[str, float]:
    """Return watts by source, of those that measured some."""
    return {each.source: each.watts for each in powers if each.watts >= _LEAST_WATTS}


def _hottest(bench: Bench, file: BenchedFile, of_all: float | None, figure: Figure) -> float | None:
    # What the sensors said of the whole benchmark is of a file only if there is no other.
    if len(bench.files) == 1:
        return of_all
    told = curves.sensed(file.sustained, figure) if file.sustained else []
    return max((celsius for _, celsius in told), default=None)


def _throttled(bench: Bench, file: BenchedFile) -> list[str] | None:
    if len(bench.files) == 1:
        found = bench.sensors.throttled
    elif file.sustained:
        found = [name for each in file.sustained.samples for name in each.throttled]
    else:
        return None
    names = list(dict.fromkeys(printable(name, 60) for name in found))
    is_known = bool(TELL_THROTTLING & set(bench.sensors.sources))
    return names if names or is_known else None
