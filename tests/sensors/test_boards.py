"""Sensors of boards: what each has, and nothing that it has not."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.sensors.linux import UNDER_VOLTAGE, LinuxClocks, LinuxSensors
from edgeval.sensors.power import BATTERY, RAPL, Battery, InaChips, Rapl
from edgeval.sensors.reading import Reading
from edgeval.sensors.sampler import read_all
from tests.helpers import sensor_trees
from tests.helpers.sensor_trees import tree


def read(root: Path) -> Reading:
    sources = (LinuxSensors, LinuxClocks, Rapl, Battery, InaChips)
    return read_all([source(root) for source in sources])


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            sensor_trees.PI_4,
            Reading(temperature_c=61.342, clock_mhz=1500, throttled=(UNDER_VOLTAGE,)),
        ),
        (sensor_trees.PI_5, Reading(temperature_c=54.8, clock_mhz=2400, fan_rpm=3412)),
        (sensor_trees.ORANGE_PI_5, Reading(temperature_c=47.153, clock_mhz=2028)),
        (sensor_trees.N100, Reading(temperature_c=52, clock_mhz=2900, joules={RAPL: 0.0})),
        (
            sensor_trees.RYZEN_LAPTOP,
            Reading(
                temperature_c=63.625,
                clock_mhz=3600,
                fan_rpm=0,
                watts={BATTERY: 18.25},
                joules={RAPL: 0.0},
            ),
        ),
        (
            sensor_trees.JETSON,
            Reading(
                temperature_c=50.218, clock_mhz=1510.4, watts={"INA3221 hwmon0": 5.032 * 1.480}
            ),
        ),
        ({}, Reading()),
    ],
    ids=["Pi 4", "Pi 5", "Orange Pi 5", "N100", "Ryzen laptop", "Jetson", "nothing"],
)
def test_a_board_has_these_figures_and_no_others(
    files: sensor_trees.Files, expected: Reading, tmp_path: Path
) -> None:
    found = read(tree(tmp_path, files))
    for name in Reading.__dataclass_fields__:
        value, wanted = getattr(found, name), getattr(expected, name)
        if isinstance(wanted, dict):
            assert value == {key: pytest.approx(each) for key, each in wanted.items()}, name
        else:
            assert value == (pytest.approx(wanted) if isinstance(wanted, float) else wanted), name


def test_a_counter_goes_on_where_it_begins_again(tmp_path: Path) -> None:
    """The package's counter wraps at its range; the platform's own, psys, is another figure."""
    rapl = Rapl(tree(tmp_path, sensor_trees.N100))
    assert rapl.read().joules == {RAPL: 0.0}
    counter = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    # 328,850 µJ to the range, and 671,150 beyond.
    counter.write_text("671150\n")
    assert rapl.read().joules == {RAPL: pytest.approx(1.0)}
    counter.write_text("2671150\n")
    assert rapl.read().joules == {RAPL: pytest.approx(3.0)}
    counter.unlink()
    assert rapl.read().joules == {}


def test_a_battery_counts_only_while_it_is_discharged(tmp_path: Path) -> None:
    folder = tree(tmp_path, sensor_trees.RYZEN_LAPTOP) / "sys/class/power_supply/BAT0"
    (folder / "status").write_text("Charging\n")
    assert Battery(tmp_path).read() == Reading()
    (folder / "status").write_text("Discharging\n")
    (folder / "power_now").unlink()
    assert Battery(tmp_path).read() == Reading()
    (folder / "voltage_now").write_text("11800000\n")
    (folder / "current_now").write_text("-1500000\n")
    assert Battery(tmp_path).read().watts == {BATTERY: pytest.approx(17.7)}


@pytest.mark.parametrize("name", ["ina219", "ina226"])
def test_a_chip_with_one_channel_is_the_whole(name: str, tmp_path: Path) -> None:
    chip = {"name": name, "in1_input": 5100, "curr1_input": 900}
    tree(tmp_path, {f"sys/class/hwmon/hwmon3/{key}": each for key, each in chip.items()})
    title = f"{name.upper()} hwmon3"
    assert InaChips(tmp_path).read().watts == {title: pytest.approx(4.59)}
    (tmp_path / "sys/class/hwmon/hwmon3/power1_input").write_text("4600000\n")
    assert InaChips(tmp_path).read().watts == {title: 4.6}


def test_channels_that_nobody_called_the_whole_are_not_added(tmp_path: Path) -> None:
    files = {key: each for key, each in sensor_trees.JETSON.items() if "in1_label" not in key}
    assert InaChips(tree(tmp_path, files)).read() == Reading()


@pytest.mark.parametrize("content", ["", "x", "1e9", "999999", "\xff\xfe", "9" * 5000])
def test_what_is_no_figure_is_not_there(content: str, tmp_path: Path) -> None:
    zone = {"sys/class/thermal/thermal_zone0/type": "cpu-thermal"}
    tree(tmp_path, zone | {"sys/class/thermal/thermal_zone0/temp": content})
    assert LinuxSensors(tmp_path).read() == Reading()
