"""Records of benchmarks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from edgeval.records import Conditions, Machine
from edgeval.records.bench import (
    Bench,
    BenchedFile,
    Loading,
    MemoryParts,
    Price,
    Scoring,
    TensorPath,
    Timing,
)
from edgeval.records.sensors import MeanPower, Sensors, SensorSample, Sustained, SustainedRate


def example_bench(name: str = "tiny-Q4_K_M.gguf", gpus: tuple[str, ...] = ()) -> Bench:
    timings = [
        Timing(n_prompt=512, n_generated=0, n_depth=0, threads=4, seconds=[2.0, 2.5]),
        Timing(n_prompt=0, n_generated=128, n_depth=1024, threads=4, seconds=[10.0]),
        Timing(n_prompt=4096, n_generated=128, n_depth=0, threads=4, seconds=[100.0]),
    ]
    file = BenchedFile(
        name=name,
        sha256="ab" * 32,
        type="Q4_K_M",
        description="llama 1B Q4_K - Medium",
        n_params=1_100_048_384,
        tensor_bytes=668_000_000,
        file_bytes=668_788_096,
        backend="cuda" if gpus else "cpu",
        gpus=list(gpus),
        gpu_layers=23 if gpus else 0,
        n_batch=2048,
        n_ubatch=512,
        kernels="default",
        kernel_paths=[
            TensorPath(type="Q4_K", path="repack", n_bytes=500_000_000),
            TensorPath(type="Q6_K", path="tiled", n_bytes=100_000_000),
            TensorPath(type="F32", path="tiled", n_bytes=1_000),
        ],
        memory=MemoryParts(weights=1, cache=1, logits=1, compute=1),
        loading=[Loading(is_cold=True, load_s=1.5, first_token_s=2.0)],
        timings=timings,
        scoring=Scoring(n_items=16, n_tokens=2960, threads=4, seconds=[30.0, 31.0]),
        sustained=Sustained(
            n_prompt=512,
            threads=4,
            rates=[SustainedRate(at_s=5.0, tokens_per_s=90.0)],
            power=[MeanPower(source="typed in", watts=6.4)],
        ),
    )
    machine = Machine(
        system="Linux 6.6",
        machine="aarch64",
        cpu="Cortex-A76",
        physical_cores=4,
        logical_cores=4,
        memory_bytes=8 * 2**30,
        python="3.11.2",
    )
    return Bench(
        edgeval_version="0.1.0",
        created_at=datetime(2026, 11, 27, 12, 0, 5, tzinfo=timezone.utc),
        binding_version="0.3.36",
        features="",
        device=machine,
        conditions=Conditions(governors=["ondemand"], storage="SD card", cooling="a fan"),
        price=Price(amount=80.0, currency="USD"),
        n_cpus=4,
        sensors=Sensors(sources=["vcgencmd"], start_c=41.0, hottest_c=82.5, throttled=["hot"]),
        files=[file],
    )


def heated_load(*, throttled: Sequence[str] = ("hot",)) -> Sustained:
    """Return ten minutes in which 100 tokens/s become 80, from 40 to 85 °C."""
    rates = [
        SustainedRate(at_s=10.0 * at, tokens_per_s=100.0 if at <= 3 else 90.0 if at < 45 else 80.0)
        for at in range(1, 61)
    ]
    samples = [
        SensorSample(
            at_s=float(at),
            temperature_c=min(85.0, 40.0 + at / 10),
            throttled=list(throttled) if at >= 450 else [],
        )
        for at in range(600)
    ]
    return Sustained(n_prompt=512, threads=4, rates=rates, samples=samples)


def on_gpu(load: Sustained) -> Sustained:
    """Return a load whose samples tell of a GPU too: from 1,980 to 1,755 MHz, 60 to 71 °C."""
    samples = [
        each.model_copy(
            update={
                "gpu_temperature_c": 60.0 if each.at_s < 450 else 71.0,
                "gpu_clock_mhz": 1980.0 if each.at_s < 450 else 1755.0,
                "gpu_fan_share": 0.3 if each.at_s < 450 else 0.45,
            }
        )
        for each in load.samples
    ]
    return load.model_copy(update={"samples": samples})


def board_bench(
    cpu: str = "Cortex-A76",
    watts: Mapping[str, float] | None = None,
    *,
    sensors: Sensors | None = None,
    price: Price | None = None,
    device: Mapping[str, Any] | None = None,
    **file: Any,
) -> Bench:
    """Return a benchmark of one file: 128 tokens/s of a prompt, 16 generated, 0.5 items/s.

    Args:
        cpu: What the CPU is called.
        watts: Power by source while tokens are generated; a quarter more while items are scored.
        sensors: What the sensors said; nothing by default.
        price: What the machine costs.
        device: Other fields of the machine.
        file: Other fields of the file.
    """
    bench = example_bench()
    powers = watts or {}
    generating = [MeanPower(source=name, watts=each) for name, each in powers.items()]
    scoring = [MeanPower(source=name, watts=1.25 * each) for name, each in powers.items()]
    update = {
        "timings": [
            Timing(n_prompt=512, n_generated=0, n_depth=0, threads=4, seconds=[4.0]),
            Timing(
                n_prompt=0, n_generated=128, n_depth=0, threads=4, seconds=[8.0], power=generating
            ),
        ],
        "scoring": Scoring(n_items=16, n_tokens=2960, threads=4, seconds=[32.0], power=scoring),
        "sustained": None,
        **file,
    }
    return bench.model_copy(
        update={
            "files": [bench.files[0].model_copy(update=update)],
            "device": bench.device.model_copy(update={"cpu": cpu, **(device or {})}),
            "sensors": sensors or Sensors(),
            "price": price,
        }
    )
