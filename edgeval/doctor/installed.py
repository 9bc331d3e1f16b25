"""Installed llama.cpp: what it was built with, and what it finds here."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval.doctor.machine import unused_gpu
from edgeval.doctor.measured_builds import measured_gain
from edgeval.doctor.native_build import changes, of_kleidiai
from edgeval.engine import Engine, running
from edgeval.errors import EngineDiedError, EngineError
from edgeval.llama import Device, builds, rebuild_command
from edgeval.llama.paths import CpuBuild
from edgeval.records import Backend, Build, Finding, Gpu, Look

_TESTED = ("cpu", "cuda", "metal")

_TIMEOUT_S = 120.0

_POINTER = "; edgeval doctor tells more"
"""How messages end that send the user here."""


def look(backend: str, names: Sequence[str]) -> Look:
    """Return what llama.cpp was built with, and finds here.

    Args:
        backend: As for ``llama.choose_devices``.
        names: GPUs that are meant; none for all of the backend, or of all backends.

    Raises:
        EngineError: If llama.cpp cannot be loaded, dies of it, or does not end.
    """
    with running() as engine:
        wanted = backend.lower()
        built, here = engine.backends(_TIMEOUT_S)
        advice = []
        for name in built:
            has_device = any(each.backend == name for each in here)
            if name in builds.BACKEND_OPTIONS and name != wanted and not has_device:
                advice += _choose(engine, name)[1]
        unused = unused_gpu(built)
        if unused is not None and unused.backend != wanted:
            advice.append(
                f"{unused.description} is here, and llama-cpp-python was built without "
                f"{unused.backend}; to use it, build it again: {rebuild_command(unused.backend)}"
            )
        every = wanted == "auto" and not names
        chosen, problems = (here, []) if every else _choose(engine, wanted, names)
        automatic = engine.choose_devices("auto", ())
        features = engine.facts().features
        build, cpu = _build(features), CpuBuild.of(features, built)
        return Look(
            build=build,
            backends=[Backend(name=name, is_tested=name in _TESTED) for name in (*built, "cpu")],
            devices=[_gpu(engine, each, automatic) for each in here],
            chosen=[each.name for each in chosen],
            findings=[
                *(Finding(kind="problem", sentence=sentence) for sentence in problems),
                *(Finding(kind="advice", sentence=sentence) for sentence in advice),
                *_of_build(build, cpu, [name for name in built if name in builds.BACKEND_OPTIONS]),
            ],
        )


def build_advice() -> list[str]:
    """Return what would make the installed llama.cpp faster on this CPU, in sentences.

    Raises:
        EngineError: If llama.cpp cannot be loaded, dies of it, or does not end.
    """
    with running() as engine:
        built, _ = engine.backends(_TIMEOUT_S)
        features = engine.facts().features
    rebuilt = [name for name in built if name in builds.BACKEND_OPTIONS]
    found = _of_build(_build(features), CpuBuild.of(features, built), rebuilt)
    return [each.sentence for each in found if each.kind == "advice"]


def _build(features: str) -> Build:
    compiled, cpu = builds.compiled_features(features), builds.cpu_features()
    difference = builds.feature_difference(compiled, cpu)
    compiler = builds.built_by()
    return Build(
        compiler=None if compiler is None else str(compiler),
        features=sorted(compiled),
        missing=sorted(difference.missing),
        superfluous=sorted(difference.superfluous),
    )


def _of_build(build: Build, cpu: CpuBuild, backends: Sequence[str]) -> list[Finding]:
    """Return what is to be said of a build that is not this CPU's, or not its fastest."""
    if build.superfluous:
        sentence = builds.remedy_for_other_cpu(builds.this_machine(), build.superfluous, backends)
        return [Finding(kind="problem", sentence=sentence)]
    advice = [of_kleidiai(cpu, backends)]
    if build.missing:
        machine = builds.this_machine()
        gained = builds.gained(machine, build.missing)
        advice += [
            builds.remedy_for_missing(machine, build.missing, backends),
            changes(cpu, gained),
            measured_gain(cpu, cpu.using(gained)),
        ]
    return [Finding(kind="advice", sentence=each) for each in advice if each is not None]


def _gpu(engine: Engine, here: Device, automatic: Sequence[Device]) -> Gpu:
    free, total = engine.device_memory(here)
    return Gpu(
        name=here.name,
        description=here.description,
        backend=here.backend,
        is_automatic=here in automatic,
        free_bytes=free,
        total_bytes=total,
    )


def _choose(
    engine: Engine, backend: str, names: Sequence[str] = ()
) -> tuple[tuple[Device, ...], list[str]]:
    """Return the devices that are meant, and why there are none."""
    try:
        return engine.choose_devices(backend, names), []
    except EngineDiedError:
        raise
    except EngineError as error:
        return (), [str(error).removesuffix(_POINTER)]
