"""Labels of machines: short names, no two the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from edgeval.records import Machine

_NOISE = re.compile(
    r"\((?:R|TM|C)\)|\b\d+-Core\b|\b(?:CPU|Processor)\b|(?:@|\bRev\b).*", re.IGNORECASE
)


def labels(devices: Sequence[Machine], paths: Sequence[Path]) -> list[str]:
    """Return what tables call each machine: its CPU, or the record's file where CPUs are equal.

    Records of the same CPU and file name are numbered as they were given.
    """
    cpus = [short_cpu(device) for device in devices]
    n_cpus = Counter(cpus)
    names = [
        cpu if n_cpus[cpu] == 1 else _file_label(path)
        for cpu, path in zip(cpus, paths, strict=True)
    ]
    n_labels = Counter(names)
    return [
        label if n_labels[label] == 1 else f"{label} ({number})"
        for number, label in enumerate(names, start=1)
    ]


def short_cpu(device: Machine) -> str:
    """Return the name of a CPU without marks, clock, cores and revision."""
    return " ".join(_NOISE.sub(" ", device.cpu).split()) or device.machine


def _file_label(path: Path) -> str:
    whole = path.resolve()
    if whole.name == "report.json":
        return whole.parent.name
    return whole.name if whole.is_dir() else whole.stem
