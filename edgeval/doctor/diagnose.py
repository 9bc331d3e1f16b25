"""Diagnosis: what this installation is, and what is wrong with it.

llama.cpp is asked in a process of its own, so that a library that crashes becomes a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeval.checkpoints.locate import locate
from edgeval.doctor.held_back import held_back
from edgeval.doctor.installed import look
from edgeval.doctor.surroundings import look_around
from edgeval.doctor.trials import Trials
from edgeval.engine import running
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.records import Diagnosis, Finding, Folder, GpuCheck, Look, Surroundings, TypeTrial
from edgeval.system.progress import ProgressOption, progress_of


@running()
def diagnose(
    model: str | Path = "demo",
    backend: str = "auto",
    devices: Sequence[str] = (),
    *,
    store: str | Path = DEFAULT_STORE,
    here: Surroundings | None = None,
    progress: ProgressOption = "auto",
) -> Diagnosis:
    """Look at the machine and the installation, try each type, and hold each GPU to the CPU.

    Args:
        model: Card name, checkpoint directory or GGUF that is computed.
        backend: ``auto`` for all, or the one to check.
        devices: GPUs to check, by name or place; none for all of the backend.
        store: The file that scores are kept in.
        here: What ``look_around`` found, if it was asked before.
        progress: Where to show progress; None for nowhere.

    Raises:
        EdgevalError: If there is no such model.
    """
    model = str(model)
    locate(model)
    here = here or look_around(store)
    findings = [_unwritable(each) for each in here.folders if not each.is_writable]
    findings += held_back(here.device, here.conditions)
    seen: Look | None = None
    types: list[TypeTrial] = []
    checks: list[GpuCheck] = []
    try:
        seen = look(backend, devices)
        findings += seen.findings
        trials = Trials(model, progress_of(progress))
        types = trials.types()
        checks = trials.gpus(seen)
        findings += map(_problem, trials.problems)
        findings += [Finding(kind="advice", sentence=each) for each in trials.advice]
    except EdgevalError as error:
        findings.append(_problem(str(error)))
    return Diagnosis(
        **dict(here),
        build=seen.build if seen else None,
        backends=seen.backends if seen else None,
        devices=seen.devices if seen else [],
        model=model,
        types=types,
        checks=checks,
        # What keeps a model from being computed keeps it so on each device.
        findings=list(dict.fromkeys(findings)),
    )


def _unwritable(found: Folder) -> Finding:
    option = "EDGEVAL_CACHE" if found.name == "cache" else "--store or EDGEVAL_STORE"
    return _problem(f"the {found.name} {found.path} cannot be written; name another with {option}")


def _problem(sentence: str) -> Finding:
    return Finding(kind="problem", sentence=sentence)
