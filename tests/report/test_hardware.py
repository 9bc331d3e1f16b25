"""A machine in words: what is known of it, and nothing of what is not."""

from __future__ import annotations

import pytest

from edgeval.cli.terminal import report as terminal
from edgeval.cli.terminal.diagnosis import print_diagnosis
from edgeval.records import Conditions, CoreGroup, Limits
from edgeval.report import hardware, pages
from edgeval.report.facts import facts
from edgeval.report.record_view import RecordView
from tests.helpers.comparisons import evaluation
from tests.helpers.diagnoses import example_diagnosis
from tests.helpers.report_parts import DEVICE
from tests.helpers.reports import example_report
from tests.helpers.suites import example_suite

GIB = 1024**3
BOARD = DEVICE.model_copy(
    update={
        "board": "Orange Pi 5",
        "soc": "RK3588",
        "os": "Armbian | bookworm",
        "cores": [
            CoreGroup(count=4, name="Cortex-A76", kind="performance", max_mhz=2352),
            CoreGroup(count=4, name="Cortex-A55", kind="efficiency", max_mhz=1800),
        ],
        "memory_type": "LPDDR4X",
        "memory_mts": 4224,
        "memory_channels": 1,
        "limits": Limits(cpus=1.5, memory_bytes=2 * GIB),
    }
)
CONDITIONS = Conditions(
    governors=["ondemand"],
    clock_driver="cpufreq-dt",
    power="battery",
    is_under_voltage=True,
    swap_used_bytes=GIB,
    memory_pressure_percent=12.5,
    storage="SD card",
    cooling="a fan",
)


def test_each_part_has_its_words() -> None:
    assert hardware.board(BOARD) == "Orange Pi 5 (RK3588)"
    assert hardware.core_kinds(BOARD) == (
        "4 Cortex-A76 up to 2.35 GHz, 4 Cortex-A55 up to 1.80 GHz"
    )
    assert hardware.memory_kind(BOARD) == "LPDDR4X, 4,224 MT/s, 1 channel"
    assert hardware.limits(BOARD) == "1.5 of 2 logical CPUs, 2.00 GiB of memory"
    assert hardware.conditions(CONDITIONS) == (
        "governor ondemand (cpufreq-dt); on battery; under-voltage; 1.00 GiB in swap; waited for "
        "memory 12% of the last 10 s; cooling: a fan"
    )


def test_cores_without_names_are_told_by_what_they_are_for() -> None:
    groups = [
        CoreGroup(count=4, kind="performance", max_mhz=4400),
        CoreGroup(count=8, kind="efficiency"),
    ]
    device = DEVICE.model_copy(update={"cores": groups})
    assert hardware.core_kinds(device) == "4 for performance up to 4.40 GHz, 8 for efficiency"


def test_of_what_is_not_known_there_are_no_words() -> None:
    parts = (hardware.board, hardware.core_kinds, hardware.memory_kind, hardware.limits)
    assert [part(DEVICE) for part in parts] == [""] * 4
    alike = DEVICE.model_copy(update={"cores": [CoreGroup(count=2)]})
    assert hardware.core_kinds(alike) == ""
    assert hardware.conditions(Conditions()) == ""


def test_a_report_tells_the_board_and_what_it_computed_under() -> None:
    report = example_report().model_copy(update={"device": BOARD, "conditions": CONDITIONS})
    found = {each.label: each.text for each in facts(RecordView.of(report))}
    assert found["Board"] == "Orange Pi 5 (RK3588)"
    assert found["Storage"] == "SD card"
    assert found["System"].startswith("Armbian | bookworm, Linux 6.8.0, x86_64")
    assert r"Armbian \| bookworm" in pages.markdown_page(report)
    older = {each.label for each in facts(RecordView.of(example_report()))}
    assert found.keys() - older == {"Board", "Cores", "Memory", "Limits", "Conditions", "Storage"}


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"swap_used_bytes": GIB}, "1.00 GiB in swap"),
        ({"memory_pressure_percent": 0.4}, "waited for memory under 1% of the last 10 s"),
        (
            {"swap_used_bytes": 2 * GIB, "memory_pressure_percent": 31.0},
            "2.00 GiB in swap; waited for memory 31% of the last 10 s",
        ),
    ],
)
def test_swap_and_pressure_are_shown_wherever_they_are_not_zero(
    known: dict[str, float], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    conditions = Conditions(**known)
    report = example_report().model_copy(update={"conditions": conditions})
    suite = example_suite()
    of_tasks = [each.model_copy(update={"conditions": conditions}) for each in suite.reports]
    for show, record in (
        (terminal.print_report, report),
        (terminal.print_record, suite.model_copy(update={"reports": of_tasks})),
        (terminal.print_evaluation, evaluation(report)),
    ):
        show(record)
        assert f"Memory at the end: {words}." in capsys.readouterr().out
    assert words in pages.markdown_page(report)
    assert words in pages.html_page(report)
    print_diagnosis(example_diagnosis(conditions=conditions))
    assert words in " ".join(capsys.readouterr().out.split())


def test_of_memory_that_was_not_short_there_is_no_word(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for known in (None, Conditions(), Conditions(swap_used_bytes=0, memory_pressure_percent=0.0)):
        report = example_report().model_copy(update={"conditions": known})
        terminal.print_report(report)
        shown = capsys.readouterr().out + pages.markdown_page(report)
        assert "Memory at the end" not in shown
        assert "in swap" not in shown
        assert "waited for memory" not in shown
