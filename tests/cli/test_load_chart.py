"""Chart of a sustained load in a terminal: what its blocks are, and that it fits."""

from __future__ import annotations

import pytest

from edgeval.cli.terminal.bench import print_bench
from edgeval.cli.terminal.load_chart import load_chart, load_charts
from edgeval.records.sensors import SensorSample, Sustained, SustainedRate
from tests.helpers.benches import board_bench, heated_load, on_gpu


def test_heat_takes_speed_from_left_to_right() -> None:
    speed, heat = load_chart(heated_load(), 79, "utf-8")
    assert speed.startswith("tokens/s  █")
    assert speed.endswith("  80.0 to 100")
    assert heat.startswith("CPU °C    ")
    assert heat.endswith("  40 to 85")
    assert {len(speed), len(heat)} <= set(range(70, 80))
    blocks = speed[10:].split("  ")[0]
    # 100, 90 and 80 of 100 tokens/s, from half of it to all of it: 7, 5.6 and 4.2 eighths above
    # the lowest block.
    assert "".join(dict.fromkeys(blocks)) == "█▇▅"
    assert blocks.count("▅") / len(blocks) == pytest.approx(0.25, abs=0.05)
    # 40 and 85 degrees, from 20 to 100.
    assert (heat[10], heat[10 + len(blocks) - 1]) == ("▃", "▇")


@pytest.mark.parametrize("encoding", ["ascii", "cp437", "cp1252", "nonsense"])
def test_a_console_without_blocks_gets_ascii(encoding: str) -> None:
    speed, heat = load_chart(heated_load(), 79, encoding)
    drawn = speed.split()[1]
    assert "".join(dict.fromkeys(drawn)) == "#%+"
    if encoding != "nonsense":
        (speed + heat).encode(encoding)


def test_a_time_without_samples_is_empty_and_a_long_test_is_not() -> None:
    samples = [SensorSample(at_s=float(at), temperature_c=60.0) for at in (0, 1, 2, 98, 99)]
    rates = [
        SustainedRate(at_s=at, tokens_per_s=each) for at, each in ((50.0, 80.0), (100.0, 40.0))
    ]
    load = Sustained(n_prompt=512, threads=1, rates=rates, samples=samples)
    speed, heat = load_chart(load, 60, "utf-8")
    n = speed.rindex("▁") + 1 - 10
    drawn = speed[10 : 10 + n]
    assert drawn == "█" * (n // 2 + 1) + "▁" * (n - n // 2 - 1)
    middle = heat[10 : 10 + n]
    assert middle.strip()[0] == middle.strip()[-1] == "▅"
    assert middle[n // 2] == " "


def test_a_gpu_has_a_line_of_its_own() -> None:
    speed, cpu, gpu = load_chart(on_gpu(heated_load()), 79, "utf-8")
    assert [each.split("  ")[0] for each in (speed, cpu, gpu)] == ["tokens/s", "CPU °C", "GPU °C"]
    assert cpu.endswith("  40 to 85")
    assert gpu.endswith("  60 to 71")


def test_without_a_thermometer_there_is_one_line() -> None:
    assert len(load_chart(heated_load().model_copy(update={"samples": []}), 79, "utf-8")) == 1


def test_a_load_of_no_time_has_no_chart() -> None:
    load = Sustained(n_prompt=1, threads=1, rates=[SustainedRate(at_s=0.0, tokens_per_s=1.0)])
    assert load_chart(load, 79, "utf-8") == []


@pytest.mark.parametrize("width", [12, 30, 40, 80, 160])
def test_lines_fit_the_screen(width: int) -> None:
    lines = load_chart(heated_load(), min(width - 1, 79), "utf-8")
    if width >= 30:
        assert all(len(line) < width for line in lines)
    assert all("to" in line for line in lines)


def test_it_stands_below_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    print_bench(board_bench(sustained=heated_load()))
    out = capsys.readouterr().out
    assert out.index("sustained load") < out.index("Q4_K_M, 10 min 00 s of load") < out.index("█")
    assert list(load_charts(board_bench(), 80, "utf-8")) == []
