"""Raw records: JSON as it was read, and what the tables of a page ask of it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

Json = dict[str, Any]


def label_of(each: Json, *, has_imatrix: bool) -> str:
    """Return what pages call a run, or its comparison."""
    label = each["type"] + (" +imatrix" if has_imatrix else "")
    return label + (f" ({each['name']})" if each.get("name") else "")


class Raw:
    """A record as its file has it."""

    def __init__(self, content: Json) -> None:
        """Take the content of ``report.json``."""
        self.content = content
        self.data: Json = content["data"]
        self.metric: str = content["protocol"]["metric"]
        self.runs: list[Json] = content["runs"]
        self.failures: list[Json] = content["failures"]
        self.drifts: list[Json] = content["drift"]
        self.drift_of = {self.label(each): each for each in self.drifts}
        self.reference = self.label(self.runs[0])
        self.counts = [self.accuracy(run)["total"] for run in self.runs]
        self.is_slice = any(count < self.data["n_total"] for count in self.counts)
        self.is_sample = self.data["order"] != "file" or not self.is_slice
        self.is_uneven = len(set(self.counts)) > 1
        self.margin = self.drifts[0]["split"]["margin_points"] if self.drifts else 0.0
        self.evidence: Json = content.get("evidence") or {}
        self.measured = [run for run in self.runs if not run["from_reference"]]

    def label(self, each: Json) -> str:
        """Return what pages call a run, a comparison or a failure."""
        return label_of(each, has_imatrix=bool(each.get("imatrix") or each.get("has_imatrix")))

    def accuracy(self, run: Json) -> Json:
        """Return a run's accuracy by the metric of the protocol."""
        found: Json = run["metrics"][self.metric]
        return found

    def estimate(self, run: Json) -> Json:
        """Return what is known of a run's accuracy on the split: its value and interval."""
        drift = self.drift_of.get(self.label(run))
        if run is not self.runs[0] and drift and drift["split_accuracy"]:
            known: Json = drift["split_accuracy"]
            return known
        counted = self.accuracy(run)
        return {"value": counted["value"], "interval": counted["split_interval"]}

    def outcome(self, run: Json) -> str:
        """Return what the ladder says of a run's difference."""
        if run is self.runs[0]:
            has_failed = any(each["is_reference"] for each in self.failures)
            is_alone = len(self.runs) + len(self.failures) == 1
            return "not compared" if has_failed or is_alone else "reference"
        drift = self.drift_of.get(self.label(run))
        return str(drift["split"]["outcome"]) if drift else "not compared"

    def recommended(self) -> Json | None:
        """Return the run of the smallest file that is shown to be no worse than the margin."""
        shown = [
            run
            for run in self.runs[1:]
            if (drift := self.drift_of.get(self.label(run))) and drift["split"]["non_inferior"]
        ]
        return min(shown, key=lambda run: int(run["file_bytes"]), default=None)

    def is_exact(self, drift: Json) -> bool:
        """Return whether a difference is known for certain."""
        points = drift["split"]["interval_points"]
        return bool(points["low"] == points["high"])


def is_lost(flip: Json) -> bool:
    """Return whether only the reference has an item right."""
    return bool(flip["reference_pick"] == flip["gold"])


def best_kl(divergence: Json) -> tuple[float, float | None]:
    """Return the best that is known of a KL divergence, and its standard error."""
    if divergence["kl_full_nats"] is not None:
        return divergence["kl_full_nats"], divergence["kl_full_error_nats"]
    return divergence["kl_nats"], divergence["kl_error_nats"]


def told_energy(speed: Json | None) -> list[Json]:
    """Return the energies of a speed that were measured for long enough to tell."""
    return [
        each
        for each in (speed or {}).get("energy", [])
        if each["joules"] > 0 and each["seconds"] >= 1 and speed and speed["n_items"]
    ]


def told_heat(speed: Json | None) -> Json | None:
    """Return the heat of a speed, if it was measured for long enough to tell."""
    heat: Json | None = (speed or {}).get("heat")
    is_told = heat is not None and heat["seconds"] >= 1 and speed is not None and speed["n_items"]
    return heat if is_told else None


def held_share(heat: Json) -> Fraction | None:
    """Return for which share of the known time clocks were held back."""
    known = heat["told_s"] or (heat["seconds"] if heat["held_s"] else 0)
    return Fraction(heat["held_s"]) / Fraction(known) if known else None
