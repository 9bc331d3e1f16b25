"""Records of benchmarks."""

from __future__ import annotations

from datetime import datetime, timezone

from edgeval.records import Conditions, Machine
from edgeval.records.bench import (
    Bench,
    BenchedFile,
    Loading,
    MemoryParts,
    Scoring,
    TensorPath,
    Timing,
)
from edgeval.records.sensors import MeanPower, Sensors, Sustained, SustainedRate


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
        n_cpus=4,
        sensors=Sensors(sources=["vcgencmd"], start_c=41.0, hottest_c=82.5, throttled=["hot"]),
        files=[file],
    )
