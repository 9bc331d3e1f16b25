"""Setting of a pick: all that decides what is picked, and the record that begins with it."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__
from edgeval.checkpoints.locate import common_name
from edgeval.evaluation.pick.demands import Demands
from edgeval.evaluation.pick.plan import Plan
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf.part_names import model_stem
from edgeval.llama import machine
from edgeval.llama.defaults import SCORING_VERSION
from edgeval.records import ModelSource
from edgeval.records.pick import Pick


def begun(plan: Plan, demands: Demands, setup: EvalSetup, command: str) -> Pick:
    """Return the record of a pick of which nothing is known yet.

    Args:
        plan: What is tried, and what it is compared with.
        demands: What is asked of a file.
        setup: What is evaluated and how.
        command: The command line.
    """
    files = plan.files()
    hashes = "".join(f"{each.file} {each.size_bytes} {each.digest}\n" for each in files)
    repos = {each.repo for each in plan.choices}
    repo = repos.pop() if len(repos) == 1 else None
    stems = [model_stem(Path(each.name)) for each in plan.choices]
    name = repo.repo if repo else common_name(stems)
    fingerprint = hashlib.sha256(hashes.encode()).hexdigest()
    return Pick(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        command=command,
        setting=_setting(plan, demands, setup, fingerprint),
        margin_points=demands.margin_points,
        most_bytes=demands.most_bytes,
        least_tokens_per_s=demands.least_tokens_per_s,
        model=ModelSource(
            name=name,
            title=name,
            repo=repo.repo if repo else None,
            revision=repo.commit if repo else None,
            fingerprint=fingerprint,
        ),
        base_model=plan.base_model,
        data=setup.data,
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=machine.describe(),
        conditions=machine.conditions(setup.options.store),
        files=files,
        n_compared=len(plan.candidates),
    )


def _setting(plan: Plan, demands: Demands, setup: EvalSetup, fingerprint: str) -> dict[str, str]:
    """Return all that decides what is picked: a pick that was begun with something else is another.

    The words are those of a sentence that says what differs.
    """
    options, device = setup.options, machine.describe()
    commits = {f"{each.repo.repo}@{each.repo.commit}" for each in plan.choices if each.repo}
    reference = plan.reference.digest or plan.reference.name if plan.reference else ""
    if plan.known is not None:
        reference = plan.known.sha256
    if plan.model is not None and plan.model.model is not None:
        reference = f"{plan.model.model.repo or plan.model.model.path or plan.model.model.named}"
    pool = setup.data.shot_pool
    decisive = {
        "the files": f"{fingerprint[:12]} {' '.join(sorted(commits))}",
        "the reference": reference,
        "--force-compare": demands.is_forced,
        "--max-drift": f"{demands.margin_points:g}",
        "--max-size": demands.most_bytes and f"{demands.most_bytes:,} bytes",
        "--min-speed": demands.least_tokens_per_s,
        "the items": setup.data.fingerprint,
        "the task": f"{setup.data.task} {setup.data.task_version}",
        "the protocol": f"{setup.protocol.name} {setup.protocol.version}",
        "--shots": f"{options.shots} {pool.fingerprint if pool else ''}".strip(),
        "--limit": options.limit,
        "--seed": options.seed,
        "--kl-items": options.kl_items,
        "--pre": options.pre,
        "--kernels": options.kernels,
        "--check": options.check,
        "--gpu-layers": options.gpu_layers,
        "--batch-tokens": options.batch_tokens,
        "--threads": setup.threads,
        "the devices": " ".join(each.description for each in setup.devices) or device.cpu,
        "the version of llama.cpp": setup.computed_by.version,
        "the version of the scores": SCORING_VERSION,
    }
    return {name: _word(value) for name, value in decisive.items()}


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else f"{value}"
