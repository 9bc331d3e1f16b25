"""What this installation is, and what is wrong with it.

Nothing here loads llama.cpp: whatever asks it for something is a step in a process of its own, so
that a library that crashes becomes a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import psutil

from edgeval import __version__, device
from edgeval.doctor.child import ask
from edgeval.doctor.machine import binding_version, folder
from edgeval.errors import EdgevalError
from edgeval.files import cache_folder
from edgeval.records import CpuTrial, Diagnosis, Finding, Folder, Gpu, GpuCheck, Look

_LOOK_TIMEOUT_S = 120.0


def diagnose(
    model: str = "demo",
    backend: str = "auto",
    devices: Sequence[str] = (),
    *,
    store: Path,
) -> Diagnosis:
    """Look at the machine and the installation, and hold each GPU to the CPU.

    Args:
        model: Card name, checkpoint directory or GGUF that is computed.
        backend: ``auto`` for all, or the one to check.
        devices: GPUs to check, by name or place; none for all of the backend.
        store: The file that scores are kept in.

    Raises:
        EdgevalError: If there is no such model.
    """
    folders = [folder("cache", cache_folder()), folder("store", store)]
    findings = [_unwritable(each) for each in folders if not each.is_writable]
    seen = ask("listing the devices", "look", model, backend, *devices, timeout_s=_LOOK_TIMEOUT_S)
    if seen.refusal is not None:
        raise EdgevalError(seen.refusal)
    look, checks, cpu = None, [], None
    if seen.crash is not None:
        findings.append(_problem(seen.crash))
    else:
        look = Look.model_validate_json(seen.lines[-1])
        findings += look.findings
        for name in look.chosen:
            found, failures = _check(model, name, look.devices)
            checks += found
            findings += map(_problem, failures)
        if not any(each.result for each in checks):
            cpu, failures = _try_cpu(model)
            findings += map(_problem, failures)
    return Diagnosis(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        binding_version=binding_version(),
        device=device.describe(),
        free_memory_bytes=psutil.virtual_memory().available,
        folders=folders,
        backends=look.backends if look else None,
        devices=look.devices if look else [],
        model=model,
        checks=checks,
        cpu=cpu,
        # What keeps a model from being computed keeps it so on each device.
        findings=list(dict.fromkeys(findings)),
    )


def _check(model: str, name: str, devices: Sequence[Gpu]) -> tuple[list[GpuCheck], list[str]]:
    """Return the checks of a GPU, and what failed."""
    (gpu,) = (each for each in devices if each.name == name)
    answer = ask(f"computing on {name} ({gpu.description})", "check", model, name)
    checks = [GpuCheck.model_validate_json(line) for line in answer.lines]
    failures = [_failure(each, gpu) for each in checks if not each.has_passed]
    return checks, failures + [each for each in (answer.refusal, answer.crash) if each]


def _try_cpu(model: str) -> tuple[CpuTrial | None, list[str]]:
    """Return an evaluation on the CPU, and what failed."""
    answer = ask("computing on the CPU", "cpu", model)
    trials = [CpuTrial.model_validate_json(line) for line in answer.lines]
    return next(iter(trials), None), [each for each in (answer.refusal, answer.crash) if each]


def _failure(check: GpuCheck, gpu: Gpu) -> str:
    where = f"{gpu.backend} on {gpu.name} ({gpu.description})"
    if check.result is None:
        return f"{where} cannot compute {check.type}: {check.error}"
    return (
        f"{where} fails the self-check with {check.type}: log-probabilities are "
        f"{check.result.token_change:.2g} nats a token from the CPU's on average, where "
        f"{check.result.bar:.2g} are allowed; update the driver and llama-cpp-python, or use "
        "--backend cpu"
    )


def _unwritable(found: Folder) -> Finding:
    option = "EDGEVAL_CACHE" if found.name == "cache" else "--store or EDGEVAL_STORE"
    return _problem(f"the {found.name} {found.path} cannot be written; name another with {option}")


def _problem(sentence: str) -> Finding:
    return Finding(kind="problem", sentence=sentence)
