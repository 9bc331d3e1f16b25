"""What edgeval keeps so that it need not be made again."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from edgeval.evaluation import pipeline
from edgeval.evaluation.options import Options
from edgeval.quantization import cache
from edgeval.system.files import alone, cache_folder
from edgeval.system.temporary import Hold
from tests.helpers.command import edgeval
from tests.helpers.fakes import Lines


@pytest.fixture
def _kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def ladder(own_cache: Path, tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path) -> list[Path]:
    """The GGUFs that a run keeps."""
    options = Options(data=tiny_items, store=tmp_path / "s.db", kl_items=0)
    pipeline.run(str(tiny_checkpoint), options, types=["F16", "BF16"], out=tmp_path / "out")
    return sorted(cache_folder().rglob("*.gguf"))


def test_an_empty_cache_is_said_to_be_empty(_kept: None) -> None:
    assert "0 GGUFs" in edgeval("cache").stdout
    assert edgeval("cache", "prune").stdout.startswith("Removed 0 GGUFs")
    assert not cache_folder().exists()


def test_what_a_run_keeps_is_listed_with_its_size(ladder: list[Path]) -> None:
    found = json.loads(edgeval("cache", "--json").stdout)
    assert sorted(each["path"] for each in found["files"]) == [str(each) for each in ladder]
    sizes = {each["path"]: each["n_bytes"] for each in found["files"]}
    assert sizes == {str(each): each.stat().st_size for each in ladder}
    shown = edgeval("cache").stdout
    assert all(each.name in shown for each in ladder)
    assert "2 GGUFs" in shown


def test_pruning_goes_by_when_a_file_was_used_last(
    ladder: list[Path], tiny_checkpoint: Path, tiny_items: Path, tmp_path: Path
) -> None:
    old, new = ladder
    for path in ladder:
        os.utime(path.with_suffix(".sha256"), (time.time() - 40 * 86400,) * 2)
    dtype = new.stem.rpartition("-")[2]
    options = Options(data=tiny_items, store=tmp_path / "s.db", kl_items=0)
    pipeline.run(str(tiny_checkpoint), options, types=[dtype], out=tmp_path / "again")
    found = cache.prune(Lines(), unused_days=30)
    assert (found.files, old.exists(), new.exists()) == ([old.name], False, True)
    assert not old.with_suffix(".sha256").exists()
    assert cache.prune(Lines(), unused_days=0).files == [new.name]
    assert list((cache_folder() / "gguf").iterdir()) == []


def test_a_file_that_is_being_made_is_kept(ladder: list[Path]) -> None:
    with alone(ladder[0].with_suffix(".lock"), "waiting"):
        found = cache.prune(Lines(), unused_days=0)
    assert (found.kept, found.files) == ([ladder[0].name], [ladder[1].name])
    assert ladder[0].exists()


def test_what_a_killed_run_left_is_listed_and_removed_by_the_next_run(
    ladder: list[Path], tmp_path: Path, tiny_checkpoint: Path, tiny_items: Path
) -> None:
    left = ladder[0].with_name(".tiny-Q4_K_M.gguf.0123abcd.edgeval-tmp")
    Hold(left).let_go()
    left.write_bytes(bytes(1000))
    assert json.loads(edgeval("cache", "--json").stdout)["left"][str(left)] == 1000
    said = Lines()
    options = Options(data=tiny_items, store=tmp_path / "s.db", kl_items=0)
    pipeline.run(str(tiny_checkpoint), options, types=["F16"], out=tmp_path / "next", progress=said)
    assert not left.exists()
    assert f"removed {left} (0.0 MB), which a run that was killed left" in said.lines
