"""Paths of kernels on this machine: the table that is read in the source, and llama.cpp itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.engine import Local, Worker
from edgeval.engine.kernels import check_types
from edgeval.engine.kernels.bars import is_expandable
from edgeval.engine.kernels.paths import cpu_build, paths_of_layouts, paths_of_trials
from edgeval.engine.kernels.small_model import small_model
from edgeval.gguf.types import TensorType
from edgeval.llama import Model
from edgeval.llama.layouts import layouts
from edgeval.llama.paths import CpuBuild, Layout
from edgeval.records import KernelTrial
from edgeval.records.bench import TensorPath
from tests.helpers.builds import HASWELL
from tests.helpers.kernels import trial

KINDS = [kind for kind in TensorType.__members__ if is_expandable(kind)]


@pytest.fixture(scope="module")
def here() -> CpuBuild:
    return cpu_build(Local())


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> list[KernelTrial]:
    """Each type that can be tried, in a process that may die of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGEVAL_CACHE", str(tmp_path_factory.mktemp("cache")))
        return check_types(KINDS, Worker(), threads=2)


def test_llama_cpp_rearranges_what_the_table_says(
    trials: list[KernelTrial], here: CpuBuild
) -> None:
    tried = [each for each in trials if each.status != "unchecked"]
    assert {"F16", "Q8_0", "Q4_K", "Q4_0"} <= {each.type for each in tried}
    for each in tried:
        wanted = here.buffer(each.type) if each.kernels == "default" else None
        assert (each.type, each.buffer) == (each.type, wanted)


def test_a_loaded_model_lies_where_the_table_says(
    trials: list[KernelTrial], here: CpuBuild, tmp_path: Path
) -> None:
    sound = [each.type for each in trials if each.status == "sound" and each.kernels == "default"]
    assert sound
    for kind in sound:
        small = small_model(kind)
        small.write(tmp_path / "model.gguf")
        multiplied = sum(
            blocks.nbytes
            for name, blocks in small.matrices.items()
            if name != "token_embd.weight"  # Its rows are looked up.
        )
        for kernels in ("default", "plain"):
            wanted = here.buffer(kind) if kernels == "default" else None
            with Model(tmp_path / "model.gguf", kernels=kernels) as model:
                (found,) = layouts(model, threads=2)
            assert found == Layout(kind, wanted, multiplied)


def test_paths_are_those_of_the_kernels_that_are_used() -> None:
    build = CpuBuild.of(HASWELL, ())
    tried = [
        trial("Q4_K", "default", buffer="CPU_REPACK"),
        trial("Q4_K", "plain"),
        trial("Q6_K", "default"),
        trial("Q6_K", "plain"),
        trial("Q8_0", "default", status="unchecked"),
        trial("Q8_0", "plain", status="unchecked"),
    ]
    assert paths_of_trials(tried, "default", build) == {"Q4_K": "repack", "Q6_K": "tiled"}
    assert paths_of_trials(tried, "plain", build) == {"Q4_K": "tiled", "Q6_K": "tiled"}


def test_a_type_may_lie_in_two_memories() -> None:
    build = CpuBuild.of(HASWELL, ())
    found = [Layout("Q4_0", "CPU_REPACK", 300), Layout("Q4_0", None, 20)]
    assert paths_of_layouts(found, build) == [
        TensorPath(type="Q4_0", path="repack", n_bytes=300),
        TensorPath(type="Q4_0", path="tinyBLAS", n_bytes=20),
    ]
    assert paths_of_layouts(found[1:], CpuBuild.of("CPU : VSX = 1", ())) == []
