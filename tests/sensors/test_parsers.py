"""Programs that tell figures: captured answers, and what is none."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pytest

from edgeval.errors import EdgevalError
from edgeval.sensors import macos, raspberry
from edgeval.sensors.commands import output_of
from edgeval.sensors.macos import Mac
from edgeval.sensors.meter import COMMAND, TYPED, Command, Typed
from edgeval.sensors.raspberry import PMIC, Raspberry
from edgeval.sensors.reading import Reading

# `vcgencmd pmic_read_adc` of a Raspberry Pi 5.
ADC = """ 3V7_WL_SW_A current(0)=0.09759170A
   3V3_SYS_A current(1)=0.05953095A
   1V8_SYS_A current(2)=0.16590590A
  DDR_VDD2_A current(3)=0.01854243A
  DDR_VDDQ_A current(4)=0.00000000A
   1V1_SYS_A current(5)=0.18249650A
    0V8_SW_A current(6)=0.33279080A
  VDD_CORE_A current(7)=0.72080000A
   3V3_DAC_A current(17)=0.00018310A
   3V3_ADC_A current(18)=0.00012207A
   0V8_AON_A current(16)=0.00341880A
      HDMI_A current(22)=0.01172160A
 3V7_WL_SW_V volt(8)=3.73052200V
   3V3_SYS_V volt(9)=3.31380600V
   1V8_SYS_V volt(10)=1.80146700V
  DDR_VDD2_V volt(11)=1.10256300V
  DDR_VDDQ_V volt(12)=0.60586030V
   1V1_SYS_V volt(13)=1.10439500V
    0V8_SW_V volt(14)=0.80146720V
  VDD_CORE_V volt(15)=0.72033590V
   3V3_DAC_V volt(20)=3.30586000V
   3V3_ADC_V volt(21)=3.30860500V
   0V8_AON_V volt(19)=0.79963340V
      HDMI_V volt(23)=5.12128000V
     EXT5V_V volt(24)=5.11756000V
      BATT_V volt(25)=0.00000000V
"""


def test_rails_of_a_pi_5_are_summed() -> None:
    values: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for line in ADC.splitlines():
        name, value = line.split("=")
        values[value[-1]][name.split()[0][:-2]] = float(value[:-1])
    rails = sum(values["A"][name] * values["V"][name] for name in values["A"])
    assert len(values["A"]) == 12
    assert raspberry.watts_of_rails(ADC) == pytest.approx(rails * 1.1451 + 0.5879)
    assert raspberry.watts_of_rails("EXT5V_V volt(24)=5.11756000V") is None


@pytest.mark.parametrize(
    ("text", "now", "before"),
    [
        ("throttled=0x0", (), ()),
        (
            "throttled=0x50005",
            ("under-voltage", "throttled"),
            ("under-voltage", "throttled"),
        ),
        ("throttled=0x20002\n", ("clock capped",), ("clock capped",)),
        ("throttled=0x80000", (), ("soft temperature limit",)),
    ],
)
def test_bits_have_names(text: str, now: tuple[str, ...], before: tuple[str, ...]) -> None:
    assert raspberry.throttling(text) == (now, before)


def test_a_raspberry_says_all_of_it() -> None:
    answers = {
        "measure_temp": "temp=48.3'C\n",
        "get_throttled": "throttled=0xe0008\n",
        "pmic_read_adc": ADC,
    }
    found = Raspberry(lambda command: answers[command[1]]).read()
    assert found.temperature_c == 48.3
    assert found.tells_throttling
    assert found.throttled == ("soft temperature limit",)
    assert found.throttled_before == ("clock capped", "throttled", "soft temperature limit")
    assert list(found.watts) == [PMIC] == ["estimated from the PMIC"]
    # A Pi 4 has no such rails.
    answers["pmic_read_adc"] = 'error=1 error_msg="Command not registered"\n'
    assert Raspberry(lambda command: answers[command[1]]).read().watts == {}
    assert Raspberry(lambda _: None).read() == Reading()


@pytest.mark.parametrize("text", ["", "throttled=", "throttled=0x123456789", "temp=9999'C"])
def test_what_vcgencmd_does_not_say_is_not_there(text: str) -> None:
    assert raspberry.throttling(text) is None
    assert raspberry.temperature(text) is None


@pytest.mark.parametrize(
    ("text", "watts"),
    [
        (
            "CPU Power: 2345 mW\nGPU Power: 12 mW\nCombined Power (CPU + GPU + ANE): 2357 mW\n",
            2.357,
        ),
        ("CPU Power: 812 mW\n", 0.812),
        ("powermetrics must be invoked as the superuser\n", None),
    ],
)
def test_powermetrics_tells_the_whole_chip(text: str, watts: float | None) -> None:
    assert macos.watts_of(text) == watts


def test_a_mac_asks_powermetrics_only_as_root() -> None:
    asked: list[Sequence[str]] = []

    def ask(command: Sequence[str]) -> str:
        asked.append(command)
        if command[0] == "pmset":
            return "CPU_Speed_Limit \t= 70\n"
        return "CPU Power: 900 mW\n"

    limited = Reading(throttled=("CPU speed limit",), tells_throttling=True)
    assert Mac(ask, is_root=False).read() == limited
    assert [command[0] for command in asked] == ["pmset"]
    assert Mac(ask, is_root=True).read().watts == {"powermetrics": 0.9}
    assert not macos.is_limited("CPU_Speed_Limit \t= 100\n")


@pytest.mark.parametrize("watts", [0.0, -1.0, float("nan"), float("inf"), 1e9])
def test_what_is_no_power_is_refused(watts: float) -> None:
    with pytest.raises(EdgevalError, match="is no power"):
        Typed(watts)


def test_a_number_that_was_typed_in_is_named_so() -> None:
    assert Typed(6.4).read().watts == {TYPED: 6.4}


@pytest.mark.parametrize(
    ("code", "watts"),
    [
        ("print('power'); print('5.75')", {COMMAND: 5.75}),
        ("print('now: 6.25 W')", {COMMAND: 6.25}),
        ("print('apower=7.5,total=1e3'[:10])", {COMMAND: 7.5}),
        ("print('none')", {}),
        ("raise SystemExit(3)", {}),
        ("print(-4)", {}),
    ],
)
def test_a_command_prints_watts_last(code: str, watts: dict[str, float]) -> None:
    meter = Command(f'"{sys.executable}" -c "{code}"') if sys.platform != "win32" else None
    if meter is None:
        pytest.skip("another way of quoting")
    assert meter.read().watts == watts
    if not watts:
        with pytest.raises(EdgevalError, match="printed no number of watts"):
            meter.require_usable()


def test_a_program_that_hangs_or_is_not_there_says_nothing() -> None:
    assert output_of(["no-such-program-of-edgeval"]) is None
    assert output_of([sys.executable, "-c", "import time; time.sleep(60)"], timeout_s=0.5) is None
    assert Command("'unclosed").read() == Reading()
