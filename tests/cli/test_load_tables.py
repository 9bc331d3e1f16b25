"""Tables of a sustained load: each device's heat and clocks are its own."""

from __future__ import annotations

import pytest

from edgeval.cli.terminal.bench import print_bench
from edgeval.records.sensors import Sensors, SensorSample
from tests.helpers.benches import board_bench, heated_load, on_gpu

UNKNOWN = "\N{EN DASH}"
TITLE = "heat and clocks under sustained load"


def shown(capsys: pytest.CaptureFixture[str], *samples: SensorSample) -> str:
    load = heated_load().model_copy(update={"samples": list(samples)})
    print_bench(board_bench(sustained=load))
    return capsys.readouterr().out


def cells(out: str, device: str) -> list[str]:
    """Return the cells behind a device's name, in the table of heat and clocks."""
    below = out[out.index(TITLE) :]
    row = next(line for line in below.splitlines() if f" {device} " in line)
    return [each.strip() for each in row.split(device)[1].strip(" │┃|").split("│")]


def test_a_gpu_tells_clocks_heat_and_fan_as_a_board_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_bench(board_bench(sustained=on_gpu(heated_load())))
    out = capsys.readouterr().out
    # The first twentieth of ten minutes, and the last quarter.
    assert cells(out, "GPU") == ["1,980 MHz", "1,755 MHz", "71 °C", "45%"]
    assert cells(out, "CPU") == [UNKNOWN, UNKNOWN, "85 °C", UNKNOWN]


def test_a_board_has_no_line_of_a_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    samples = [
        SensorSample(at_s=float(at), clock_mhz=2400.0 - 2 * at, fan_rpm=3412.0) for at in range(600)
    ]
    out = shown(capsys, *samples)
    # Means of 2,400 to 2,340 MHz, and of 1,500 to 1,202 MHz.
    assert cells(out, "CPU") == ["2,370 MHz", "1,351 MHz", UNKNOWN, "3,412 rpm"]
    assert "GPU" not in out


def test_without_sensors_there_is_no_such_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert TITLE not in shown(capsys)
    assert TITLE not in shown(capsys, SensorSample(at_s=1.0, throttled=["hot"]))


def test_sentences_name_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    sensors = Sensors(
        sources=["NVML, GPUs"], gpu_start_c=40.0, gpu_hottest_c=71.0, throttled=["GPU power cap"]
    )
    print_bench(board_bench(sensors=sensors))
    out = capsys.readouterr().out
    assert "The hottest GPU reached 71 °C, from 40 °C." in out
    assert "Clocks were held back: GPU power cap." in out
    assert "The CPU reached" not in out


def test_what_sensors_no_longer_tell_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_bench(board_bench(sensors=Sensors(sources=["Linux"], lost=["power by RAPL"])))
    said = " ".join(capsys.readouterr().out.split())
    assert "Sensors told power by RAPL at first, and no longer in the end" in said
