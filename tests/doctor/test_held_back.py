"""What holds a machine back is named, and what does not is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from edgeval.doctor.held_back import held_back
from edgeval.doctor.surroundings import look_around
from edgeval.records import Conditions, CoreGroup, Limits
from tests.helpers.report_parts import DEVICE

GIB = 1024**3
EIGHT = DEVICE.model_copy(
    update={
        "physical_cores": 8,
        "logical_cores": 16,
        "memory_bytes": 16 * GIB,
        "cores": [CoreGroup(count=8)],
    }
)


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({"governors": ["powersave"]}, "the governor powersave keeps the CPU at its lowest clock"),
        (
            {"governors": ["schedutil", "powersave"], "clock_driver": "cpufreq-dt"},
            "the governor powersave",
        ),
        (
            {"clock_driver": "intel_pstate", "energy_preference": "power"},
            "the CPU is told to save energy",
        ),
        ({"power": "battery", "is_discharging": True}, "the machine runs on its battery"),
        ({"power": "mains", "is_discharging": True}, "the supply gives less than it takes"),
        ({"is_under_voltage": True}, "the supply's voltage is too low"),
        ({"swap_used_bytes": GIB}, "1.00 GiB of memory are in swap"),
        ({"memory_pressure_percent": 12.5}, "waited for memory for 12% of the last ten seconds"),
    ],
)
def test_conditions_that_hold_back_are_advice(conditions: dict[str, Any], words: str) -> None:
    (found,) = held_back(EIGHT, Conditions(**conditions))
    assert found.kind == "advice"
    assert words in found.sentence


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"governors": ["performance"]},
        {"governors": ["powersave"], "clock_driver": "intel_pstate"},
        {
            "governors": ["powersave"],
            "clock_driver": "amd-pstate-epp",
            "energy_preference": "balance_performance",
        },
        {"power": "mains", "is_discharging": False, "is_under_voltage": False},
        {"swap_used_bytes": GIB // 2, "memory_pressure_percent": 1.0},
        {"storage": "SD card", "cooling": "fan"},
    ],
)
def test_all_others_are_not(conditions: dict[str, Any]) -> None:
    assert held_back(EIGHT, Conditions(**conditions)) == []


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        ({"limits": Limits(cpus=1.5)}, "may use 1.5 of 8 cores; raise its CPU limit"),
        ({"limits": Limits(cpus=2), "physical_cores": 2}, "may use 2 of 16 logical CPUs"),
        ({"limits": Limits(memory_bytes=2 * GIB)}, "may use 2.00 GiB of 16.00 GiB of memory"),
        ({"memory_channels": 1}, "one memory channel has memory"),
    ],
)
def test_a_machine_that_is_less_than_it_could_be_is_told(
    machine: dict[str, Any], words: str
) -> None:
    (found,) = held_back(EIGHT.model_copy(update=machine), Conditions())
    assert words in found.sentence


@pytest.mark.parametrize(
    "machine", [{"limits": Limits(cpus=12)}, {"memory_channels": 2}, {"memory_channels": None}]
)
def test_a_machine_that_is_all_there_is_not(machine: dict[str, Any]) -> None:
    assert held_back(EIGHT.model_copy(update=machine), Conditions()) == []


def test_the_machine_is_known_within_two_seconds(tmp_path: Path) -> None:
    begun = time.perf_counter()
    found = look_around(tmp_path / "edgeval.db")
    assert time.perf_counter() - begun < 2
    assert [each.name for each in found.folders] == ["cache", "store"]
    assert found.conditions.storage == found.folders[1].storage
