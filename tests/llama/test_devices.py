"""Which GPUs are chosen, where there are any; the devices are pretended."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from edgeval import llama
from edgeval.errors import EdgevalError, EngineError
from edgeval.evaluation import setup
from edgeval.evaluation.options import Options
from edgeval.evaluation.setup import prepare
from edgeval.llama import backends, library
from edgeval.llama.hardware import Device
from edgeval.llama.library import llama_cpp
from tests.helpers.fakes import make_device

CUDA = (make_device("cuda", 0), make_device("cuda", 1))
METAL = (make_device("metal", 0, is_integrated=True),)
CARD = make_device("vulkan", 0)
SHARED = make_device("vulkan", 1, is_integrated=True)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    _pretend(monkeypatch)
    return monkeypatch


def _pretend(
    monkeypatch: pytest.MonkeyPatch,
    *found: Device,
    built: tuple[str, ...] = (),
    system: str = "linux",
) -> None:
    monkeypatch.setattr(backends, "devices", lambda: found)
    monkeypatch.setattr(backends, "built_backends", lambda: built)
    monkeypatch.setattr(sys, "platform", system)


def test_the_faster_backend_comes_first(here: pytest.MonkeyPatch) -> None:
    _pretend(here, CARD, *METAL, *CUDA)
    assert llama.available_backends() == ("cuda", "metal", "vulkan", "cpu")
    assert llama.choose_devices() == CUDA
    assert llama.choose_devices("AUTO") == CUDA
    assert llama.choose_devices("vulkan") == (CARD,)
    _pretend(here, CARD, *METAL)
    assert llama.choose_devices() == METAL
    _pretend(here)
    assert llama.available_backends() == ("cpu",)
    assert llama.choose_devices() == llama.choose_devices("cpu") == ()


def test_a_gpu_without_memory_of_its_own_is_for_want_of_another(here: pytest.MonkeyPatch) -> None:
    _pretend(here, SHARED, CARD)
    assert llama.choose_devices() == llama.choose_devices("vulkan") == (CARD,)
    assert llama.choose_devices("vulkan", [SHARED.name]) == (SHARED,)
    _pretend(here, SHARED)
    assert llama.choose_devices() == (SHARED,)


def test_devices_are_named_or_counted(here: pytest.MonkeyPatch) -> None:
    _pretend(here, CARD, *CUDA)
    assert llama.choose_devices("cuda", ["cuda1"]) == CUDA[1:]
    assert llama.choose_devices("cuda", [" CUDA1", "0"]) == CUDA[::-1]
    assert llama.choose_devices("cuda", ["0", "CUDA0"]) == CUDA[:1]
    # Numbers are of the backend that is chosen; a name may be another's.
    assert llama.choose_devices("auto", ["1"]) == CUDA[1:]
    assert llama.choose_devices("auto", ["VULKAN0"]) == (CARD,)


def test_devices_of_several_backends_are_refused(here: pytest.MonkeyPatch) -> None:
    _pretend(here, CARD, *CUDA)
    with pytest.raises(EngineError, match="CUDA0 and VULKAN0 are of several backends"):
        llama.choose_devices("auto", ["CUDA0", "VULKAN0"])


def test_an_absent_device_is_refused_with_those_that_are_there(here: pytest.MonkeyPatch) -> None:
    _pretend(here, CARD, *CUDA)
    with pytest.raises(EngineError) as caught:
        llama.choose_devices("cuda", ["CUDA2"])
    assert str(caught.value) == (
        "there is no device 'CUDA2' here; use CUDA0 (Cuda Card), CUDA1 (Cuda Card)"
    )
    with pytest.raises(EngineError, match="no device '2' here"):
        llama.choose_devices("cuda", ["2"])
    # What is asked for by name and not there is never replaced by the CPU.
    _pretend(here)
    with pytest.raises(EngineError, match="finds none here; leave it out"):
        llama.choose_devices("auto", ["CUDA0"])
    with pytest.raises(EngineError, match="--backend cpu uses none; leave one of the two out"):
        llama.choose_devices("cpu", ["CUDA0"])


@pytest.mark.parametrize(
    ("system", "backend", "command"),
    [
        ("linux", "cuda", 'CMAKE_ARGS="-DGGML_CUDA=on" pip install'),
        ("darwin", "metal", 'CMAKE_ARGS="-DGGML_METAL=on" pip install'),
        ("win32", "cuda", "$env:CMAKE_ARGS='-DGGML_CUDA=on'; pip install"),
        ("linux", "rocm", 'CMAKE_ARGS="-DGGML_HIP=on" pip install'),
    ],
)
def test_a_backend_that_was_not_built_is_refused_with_the_command(
    system: str, backend: str, command: str, here: pytest.MonkeyPatch
) -> None:
    _pretend(here, system=system)
    with pytest.raises(EngineError) as caught:
        llama.choose_devices(backend)
    assert str(caught.value) == (
        f"the installed llama-cpp-python was built without {backend}; use --backend cpu, or build "
        f"it again: {command} --force-reinstall --no-cache-dir --no-deps "
        f"--no-binary llama-cpp-python llama-cpp-python=={llama_cpp.__version__}"
    )
    assert str(caught.value).endswith(llama.rebuild_command(backend))


def test_a_backend_that_is_built_and_finds_nothing_is_about_the_driver(
    here: pytest.MonkeyPatch,
) -> None:
    _pretend(here, built=("cuda",))
    with pytest.raises(EngineError, match=r"built with cuda but finds no device.*its driver"):
        llama.choose_devices("cuda")
    assert llama.choose_devices("auto") == ()


@pytest.mark.parametrize(
    ("system", "backend", "instead"),
    [("linux", "metal", "cuda"), ("win32", "metal", "cuda"), ("darwin", "cuda", "metal")],
)
def test_a_backend_of_other_systems_is_refused_with_this_ones(
    system: str, backend: str, instead: str, here: pytest.MonkeyPatch
) -> None:
    _pretend(here, system=system)
    with pytest.raises(EngineError, match=f"no {backend} on this system; .* or {instead} if"):
        llama.choose_devices(backend)


def test_unknown_backend_suggests(here: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match=r"'vulcan' \(did you mean 'vulkan'\?\); use auto, cpu"):
        llama.choose_devices("vulcan")


def test_offloaded_layers_need_a_gpu(tiny_items: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EdgevalError, match="--gpu-layers 3 needs a GPU"):
        prepare(Options(data=tiny_items, backend="cpu", gpu_layers=3))
    assert prepare(Options(data=tiny_items, backend="cpu", gpu_layers=0)).devices == ()
    monkeypatch.setattr(setup.llama, "choose_devices", lambda *_: CUDA)
    assert prepare(Options(data=tiny_items, gpu_layers=3)).devices == CUDA
    assert prepare(Options(data=tiny_items, gpu_layers=0)).backend == "cpu"
    with pytest.raises(EdgevalError, match="--gpu-layers -1 is no number"):
        prepare(Options(data=tiny_items, gpu_layers=-1))


def test_what_the_registry_lists_is_well_formed() -> None:
    """Holds on any machine: with GPUs it reads their names and memory, without it finds none."""
    assert "cpu" not in llama.built_backends()
    for device in llama.devices():
        free, total = device.memory()
        assert 0 < free <= total
        assert device.backend in llama.built_backends()
        assert device.handle
    assert bool(llama.devices()) == bool(llama_cpp.llama_supports_gpu_offload())
    names = [device.name for device in llama.devices()]
    assert len(set(names)) == len(names)


def test_devices_are_told_apart_by_what_they_are() -> None:
    assert CUDA[0] != CUDA[1]
    assert llama.Offload(CUDA).backend == "cuda"
    assert llama.CPU.backend == "cpu"


class Registry:
    """ggml's, of a build whose library for the CPU is a file in one of the folders."""

    def __init__(self, home: Path | None, *, is_loaded: bool = False) -> None:
        self.tried: list[Path] = []
        self.is_loaded = is_loaded

        def load(folder: bytes) -> None:
            self.tried.append(Path(os.fsdecode(folder)))
            self.is_loaded |= self.tried[-1] == home

        def device(kind: int) -> int | None:
            assert kind == 0
            return 1 if self.is_loaded else None

        self.functions = SimpleNamespace(
            ggml_backend_dev_by_type=device, ggml_backend_load_all_from_path=load
        )


@pytest.mark.parametrize(
    ("is_loaded", "home", "tried"),
    [(True, "bin", []), (False, "bin", ["bin"]), (False, "lib", ["bin", "lib"])],
)
def test_backends_of_a_portable_build_are_loaded_once(
    is_loaded: bool, home: str, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(Path(home), is_loaded=is_loaded)
    monkeypatch.setattr(library, "ggml", lambda name: registry.functions)
    monkeypatch.setattr(library, "library_folders", lambda: [Path("bin"), Path("lib")])
    library._load_backends()
    assert registry.tried == [Path(each) for each in tried]
    assert registry.is_loaded


def test_a_portable_build_that_has_none_for_this_cpu_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library, "ggml", lambda name: Registry(None).functions)
    with pytest.raises(EngineError, match=r"no library that computes on this CPU; .*pip install"):
        library._load_backends()


def test_a_binding_without_a_library_of_ggmls_own_is_left_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent(name: str) -> None:
        raise EngineError("no such library")

    asked = []
    for found in (absent, lambda name: asked.append(name) or SimpleNamespace()):
        monkeypatch.setattr(library, "ggml", found)
        library._load_backends()
    assert asked == ["ggml"]
