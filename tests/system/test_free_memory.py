"""What may still be taken: the tightest of the machine's memory and the limits of this process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from edgeval.errors import NoRoomError
from edgeval.llama import memory
from edgeval.llama.memory import Memory
from edgeval.system import free_memory
from edgeval.system.free_memory import available

_V1 = ("cgroup", "rw,memory", "5:memory:{place}\n1:cpu:/elsewhere\n0::/\n")
_V2 = ("cgroup2", "rw", "0::{place}\n")


def _pretend(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: tuple[str, str, str],
    *,
    root: str = "/",
    place: str = "/job/step",
) -> Path:
    """Let this process be in a cgroup; return the folder that all of them are in."""
    own = folder / "proc" / "self"
    own.mkdir(parents=True)
    mounted = folder / "cgroup"
    (mounted / "job" / "step").mkdir(parents=True)
    name, options, groups = kind
    line = f"31 23 0:28 {root} /cgroup rw,relatime - {name} {name} {options}\n"
    (own / "mountinfo").write_text(f"22 1 8:1 / / rw - ext4 /dev/vda rw\n{line}")
    (own / "cgroup").write_text(groups.format(place=place))
    monkeypatch.setattr(free_memory, "_ROOT", folder)
    free = psutil.virtual_memory()._replace(available=8_000_000_000)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    return mounted


def _limit_v1(folder: Path, limit: int, used: int) -> None:
    (folder / "memory.limit_in_bytes").write_text(f"{limit}\n")
    (folder / "memory.usage_in_bytes").write_text(f"{used}\n")
    stat = "inactive_file 1\ntotal_inactive_file 30000000\ntotal_active_file 20000000\n"
    (folder / "memory.stat").write_text(stat)


def _limit_v2(folder: Path, limit: str, used: int) -> None:
    (folder / "memory.max").write_text(f"{limit}\n")
    (folder / "memory.current").write_text(f"{used}\n")
    (folder / "memory.stat").write_text("anon 5\ninactive_file 30000000\nactive_file 20000000\n")


def test_without_limits_it_is_what_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V1)
    _limit_v1(mounted / "job" / "step", 9223372036854771712, 100_000_000)
    found = available()
    assert (found.n_bytes, found.words) == (8_000_000_000, "of memory are free")


@pytest.mark.parametrize("where", ["job/step", "job"])
def test_cgroups_of_version_1_bind_with_all_above(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V1)
    _limit_v1(mounted / where, 220_000_000, 150_000_000)
    # What the page cache has of files gives way.
    assert available().n_bytes == 120_000_000
    assert available().words == "are left of the 220 MB that this container or service may take"


@pytest.mark.parametrize("where", ["job/step", "job"])
def test_cgroups_of_version_2_bind_with_all_above(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V2)
    _limit_v2(mounted / "job" / "step", "max", 150_000_000)
    _limit_v2(mounted / where, "220000000", 150_000_000)
    assert available().n_bytes == 120_000_000


@pytest.mark.parametrize(("root", "place"), [("/docker/a", "/docker/a"), ("/", "/not/seen/here")])
def test_a_container_sees_its_own_cgroup_as_the_root(
    root: str, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V2, root=root, place=place)
    _limit_v2(mounted, "220000000", 150_000_000)
    assert available().n_bytes == 120_000_000


def test_a_cgroup_that_is_full_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V2)
    _limit_v2(mounted / "job", "100000000", 180_000_000)
    assert available().n_bytes == 0


def test_the_sentence_says_whose_limit_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = _pretend(tmp_path, monkeypatch, _V2)
    _limit_v2(mounted / "job", "220000000", 150_000_000)
    memory.require(Memory(100_000_000, 0, 0, 20_000_000), "m.gguf")
    with pytest.raises(NoRoomError) as caught:
        memory.require(Memory(100_000_000, 0, 0, 20_000_001), "m.gguf")
    assert (
        "and 120 MB are left of the 220 MB that this container or service may take; raise its "
        "limit of memory, evaluate a smaller type"
    ) in str(caught.value)


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not hold to the limit")
def test_the_limit_of_a_shell_binds() -> None:
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_AS, (4_000_000_000,) * 2)\n"
        "from edgeval.system.free_memory import available\n"
        "found = available()\n"
        "print(found.n_bytes < 4_000_000_000, found.remedy)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said == "True raise its limit, which ulimit -v shows\n"
