"""A diagnosis of a machine with two GPUs, of which one computes something else than the CPU."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from edgeval.llama import machine
from edgeval.records import (
    Backend,
    Build,
    Diagnosis,
    Finding,
    Folder,
    Gpu,
    GpuCheck,
    SelfCheck,
    TypeTrial,
)

PROBLEM = "vulkan on Vulkan0 (Old GPU) fails the self-check"


def example_check(token_change: float = 0.0041) -> SelfCheck:
    return SelfCheck(
        n_items=24,
        n_same_picks=23,
        max_logprob_change=0.31,
        mean_logprob_change=0.05,
        token_change=token_change,
        bar=0.02,
        speedup=131.4,
    )


def example_diagnosis(**changes: Any) -> Diagnosis:
    fields: dict[str, Any] = {
        "edgeval_version": "0.1.0",
        "created_at": datetime(2026, 1, 2, 3, 4, tzinfo=timezone.utc),
        "binding_version": "0.3.36",
        "device": machine.describe(),
        "conditions": machine.conditions(Path()),
        "free_memory_bytes": 8 * 2**30,
        "folders": [
            Folder(name="cache", path="~/cache", free_bytes=12 * 2**30, is_writable=True),
            Folder(name="store", path="edgeval.db", free_bytes=None, is_writable=False),
        ],
        "build": Build(
            compiler="GCC 12.2.0",
            features=["AVX2", "FMA"],
            missing=["AVX512"],
            superfluous=[],
        ),
        "backends": [
            Backend(name="cuda", is_tested=True),
            Backend(name="vulkan", is_tested=False),
            Backend(name="cpu", is_tested=True),
        ],
        "devices": [
            Gpu(
                name="CUDA0",
                description="New GPU",
                backend="cuda",
                is_automatic=True,
                free_bytes=70 * 2**30,
                total_bytes=80 * 2**30,
            ),
            Gpu(
                name="Vulkan0",
                description="Old GPU",
                backend="vulkan",
                is_automatic=False,
                free_bytes=2**30,
                total_bytes=2**31,
            ),
        ],
        "model": "demo",
        "checks": [
            GpuCheck(device="CUDA0", type="F16", result=example_check()),
            GpuCheck(device="Vulkan0", type="F16", result=example_check(0.4)),
            GpuCheck(device="Vulkan0", type="Q8_0", error="no memory"),
        ],
        "types": [
            TypeTrial(
                type="F16",
                kernel_paths={"F16": "tinyBLAS", "F32": "tinyBLAS", "Q6_K": "repack"},
                max_logprob_change=0.0031,
                tokens_per_s=1234.0,
            ),
            TypeTrial(
                type="Q8_0",
                kernels="plain",
                kernels_reason="1.32 times as fast here",
                max_logprob_change=0.021,
                tokens_per_s=2345.0,
            ),
            TypeTrial(type="Q4_0", kernels="plain", tokens_per_s=3456.0),
        ],
        "findings": [Finding(kind="problem", sentence=PROBLEM)],
    }
    return Diagnosis(**fields | changes)
