"""Records of picks whose numbers add up, for tests of views."""

from __future__ import annotations

from typing import Any

from edgeval.records import GenerationSpeed
from edgeval.records.pick import FileOutcome, Pick, PickedFile
from tests.helpers.report_parts import DEVICE, MADE_AT
from tests.helpers.reports import stopped_report


def example_speed(tokens_per_s: float = 24.2, **more: Any) -> GenerationSpeed:
    """Return a speed of generation."""
    fixed = {
        "tokens_per_s": tokens_per_s,
        "prompt_tokens_per_s": 85.0,
        "n_prompt": 64,
        "n_generated": 32,
        "device": DEVICE,
        "threads": 2,
        "kernels": "default",
        "measured_at": MADE_AT,
        "n_cpus": 2,
        "cpu_load": 0.04,
    }
    return GenerationSpeed(**fixed | more)


def example_pick(recommended: str | None = "Q8_0", **more: Any) -> Pick:
    """Return a pick of types that stopped early, and of a file that was of another model."""
    report = stopped_report()
    drifts = {drift.label: drift for drift in report.drift}
    files = [
        PickedFile(
            label="IQ1_S",
            file="owner/name/model-IQ1_S.gguf",
            repo="owner/name",
            size_bytes=100_000_000,
            outcome="unlike",
            reason="model-IQ1_S.gguf has block count 4, not 22 as model-F16.gguf has",
            begun=["b" * 64],
            n_downloaded_bytes=100_000_000,
            is_deleted=True,
        )
    ]
    for run in sorted(report.runs, key=lambda run: run.file_bytes):
        outcome: FileOutcome = "reference" if run.label == "F16" else "worse"
        files.append(
            PickedFile(
                label=run.label,
                file=f"owner/name/{run.file}",
                repo="owner/name",
                size_bytes=run.file_bytes,
                digest=run.sha256,
                outcome="recommended" if run.label == recommended else outcome,
                speed=example_speed() if run.label == recommended else None,
                run=None if outcome == "reference" else run,
                drift=drifts.get(run.label),
            )
        )
    given = {
        "edgeval_version": report.edgeval_version,
        "created_at": report.created_at,
        "command": "edgeval pick owner/name",
        "setting": {"--max-drift": "1"},
        "margin_points": 1.0,
        "least_tokens_per_s": 10.0,
        "most_bytes": 2 * 1024**3,
        "model": report.model,
        "base_model": "owner/base",
        "data": report.data,
        "protocol": report.protocol,
        "engine": report.engine,
        "device": report.device,
        "reference": "F16",
        "reference_run": report.runs[0],
        "files": files,
        "n_compared": len(files) - 1,
        "recommended": recommended,
        "commands": ["llama-server -hf owner/name:Q8_0"],
        "is_complete": True,
        "elapsed_s": 12.5,
        "peak_rss_bytes": 10**9,
        "worker_peak_rss_bytes": 9 * 10**8,
    }
    return Pick(**given | more)
