"""Page of a recipe: llama-bench's table, what it lacks, and the machine."""

from __future__ import annotations

import re

import pytest

from edgeval.benchmark.columns import UNKNOWN
from edgeval.benchmark.formats import FORMATS
from edgeval.benchmark.recipe_page import recipe_page
from edgeval.records import Conditions, Interval
from edgeval.records.bench import FileQuality
from edgeval.records.sensors import Sensors
from tests.helpers.benches import board_bench, heated_load
from tests.helpers.hostile import TEXTS, UNSEEN
from tests.helpers.pages import tables

SENSORS = Sensors(sources=["vcgencmd"], hottest_c=85.4, throttled=["throttled"])


def test_it_begins_with_what_is_pasted_and_has_the_rest_below() -> None:
    bench = board_bench(watts={"typed in": 6.4}, sensors=SENSORS, sustained=heated_load())
    page = recipe_page(bench)
    assert page.startswith(f"{FORMATS['md'](bench)}\n\n| type |")
    assert "Avg power consumption: 6.4 W (typed in)" in page
    (beside,) = tables(page)[1]
    assert beside == {
        "type": "Q4_K_M",
        "sustained": "80.0%",
        "hottest CPU": "85 °C",
        "throttled": "throttled",
        "watts by": "typed in",
        "J/token (tg128)": "0.400",
        "items/s": "0.500",
        "items/J": "0.0625",
    }


def test_the_machine_is_a_short_list() -> None:
    device = {"board": "Raspberry Pi 5", "soc": "BCM2712", "os": "Debian 12"}
    before = SENSORS.model_copy(update={"throttled_before": ["under-voltage"]})
    found = recipe_page(board_bench(device=device, sensors=before)).splitlines()
    assert [line for line in found if line.startswith("- ")] == [
        "- Machine: Raspberry Pi 5 (BCM2712); Cortex-A76; 8.00 GiB of memory",
        "- Kernel: Linux 6.6; aarch64; Debian 12",
        "- Governor and power: governor ondemand",
        "- Cooling: a fan",
        "- Storage: SD card",
        "- Throttled since boot: under-voltage, throttled",
    ]


def test_that_nothing_throttled_since_boot_is_said_where_somebody_knows() -> None:
    assert "- Throttled since boot: no" in recipe_page(
        board_bench(sensors=Sensors(sources=["vcgencmd"]))
    )
    assert "since boot" not in recipe_page(board_bench(sensors=Sensors(sources=["Linux"])))


def test_without_sensors_nothing_is_made_up() -> None:
    bench = board_bench(scoring=None).model_copy(update={"conditions": Conditions()})
    page = recipe_page(bench)
    assert len(tables(page)) == 1
    assert [line.partition(":")[0] for line in page.splitlines() if line.startswith("- ")] == [
        "- Machine",
        "- Kernel",
        "- Sensors",
    ]


def test_each_file_has_a_line_and_heat_of_all_stands_below() -> None:
    bench = board_bench(sensors=SENSORS, sustained=heated_load())
    other = board_bench(type="Q8_0").files
    page = recipe_page(bench.model_copy(update={"files": [*bench.files, *other]}))
    first, second = tables(page)[1]
    assert (first["type"], first["hottest CPU"]) == ("Q4_K_M", "85 °C")
    assert (second["type"], second["hottest CPU"], second["items/s"]) == ("Q8_0", UNKNOWN, "0.500")
    assert "- Hottest CPU of all tests: 85 °C" in page


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_texts_of_others_are_text(text: str) -> None:
    bench = board_bench(
        text,
        {text: 6.4},
        device={"board": text, "system": text},
        sensors=Sensors(sources=["vcgencmd"], throttled=[text], throttled_before=[text]),
        type=text,
        description=text,
        quality=FileQuality(
            task=text,
            data=text,
            protocol=text,
            metric=text,
            accuracy=0.5,
            n_items=10,
            n_total=10,
            accuracy_interval=Interval(low=0.2, high=0.8, level=0.95),
            drift_points=-1.0,
            drift_items=10,
            drift_interval=Interval(low=-2.0, high=1.0, level=0.95),
            drift_reference=text,
        ),
    )
    page = recipe_page(bench)
    assert UNSEEN.search(page) is None
    assert not re.search(r"(?<!\\)<\w|(?<!\\)!\[|\]\(javascript", page)
    assert [len(table) for table in tables(page)] == [2, 1]
