"""Small trees of sysfs, as the kernels of some boards show their sensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Files = Mapping[str, object]


def _zones(**zones: int) -> dict[str, object]:
    found: dict[str, object] = {}
    for at, (kind, temperature) in enumerate(zones.items()):
        folder = f"sys/class/thermal/thermal_zone{at}"
        found |= {
            f"{folder}/type": kind.replace("_thermal", "-thermal"),
            f"{folder}/temp": temperature,
        }
    return found


def _chip(at: int, name: str, **values: object) -> dict[str, object]:
    folder = f"sys/class/hwmon/hwmon{at}"
    return {f"{folder}/name": name, **{f"{folder}/{key}": each for key, each in values.items()}}


def _clocks(*kilohertz: int) -> dict[str, object]:
    return {
        f"sys/devices/system/cpu/cpu{at}/cpufreq/scaling_cur_freq": each
        for at, each in enumerate(kilohertz)
    }


def _rapl(**zones: tuple[int, int]) -> dict[str, object]:
    found: dict[str, object] = {}
    for at, (name, (energy, most)) in enumerate(zones.items()):
        folder = f"sys/class/powercap/intel-rapl:{at}"
        found |= {
            f"{folder}/name": name.replace("_", "-"),
            f"{folder}/energy_uj": energy,
            f"{folder}/max_energy_range_uj": most,
        }
    return found


PI_4: Files = {
    **_zones(cpu_thermal=61342),
    **_chip(0, "cpu_thermal", temp1_input=61342),
    **_chip(1, "rpi_volt", in0_lcrit_alarm=1),
    **_clocks(1500000, 1500000, 1500000, 1500000),
}
PI_5: Files = {
    **_zones(cpu_thermal=54800),
    **_chip(0, "cpu_thermal", temp1_input=54800),
    **_chip(1, "rp1_adc", in1_input=1478, temp1_input=47321),
    **_chip(2, "pwmfan", fan1_input=3412, pwm1=125),
    **_chip(3, "rpi_volt", in0_lcrit_alarm=0),
    **_clocks(2400000, 2400000, 2400000, 2400000),
}
ORANGE_PI_5: Files = {
    **_zones(
        soc_thermal=45307,
        bigcore0_thermal=46230,
        bigcore1_thermal=47153,
        littlecore_thermal=45307,
        center_thermal=44384,
        gpu_thermal=44384,
        npu_thermal=44384,
    ),
    **_clocks(*[1800000] * 4, *[2256000] * 4),
}
N100: Files = {
    **_zones(acpitz=27800, x86_pkg_temp=52000),
    **_chip(0, "coretemp", temp1_input=52000, temp2_input=51000),
    **_chip(1, "nvme", temp1_input=38850),
    **_clocks(*[2900000] * 4),
    **_rapl(package_0=(262_143_000_000, 262_143_328_850), psys=(7_000_000, 262_143_328_850)),
}
RYZEN_LAPTOP: Files = {
    **_zones(acpitz=20000),
    **_chip(0, "k10temp", temp1_input=63625),
    **_chip(1, "amdgpu", temp1_input=51000, power1_average=9000000, fan1_input=0),
    **_clocks(*[3600000] * 16),
    **_rapl(package_0=(1_000_000, 65_532_610_987)),
    "sys/class/power_supply/AC/type": "Mains",
    "sys/class/power_supply/AC/online": 0,
    "sys/class/power_supply/BAT0/type": "Battery",
    "sys/class/power_supply/BAT0/status": "Discharging",
    "sys/class/power_supply/BAT0/power_now": 18_250_000,
}
JETSON: Files = {
    **_zones(cpu_thermal=49500, gpu_thermal=46000, tj_thermal=50218),
    **_chip(
        0,
        "ina3221",
        in1_label="VDD_IN",
        in1_input=5032,
        curr1_input=1480,
        in2_label="VDD_CPU_GPU_CV",
        in2_input=5024,
        curr2_input=400,
        in3_label="VDD_SOC",
        in3_input=5024,
        curr3_input=300,
    ),
    **_clocks(*[1510400] * 6),
}


def tree(root: Path, files: Files) -> Path:
    """Write the files below a folder, and return it."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n", encoding="utf-8")
    return root
