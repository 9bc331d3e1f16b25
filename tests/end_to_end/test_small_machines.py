"""Small machines: the demo in 1 GB of memory, and what is said of memory and of writing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.records import Report
from edgeval.report import record_files
from edgeval.report.facts import facts
from edgeval.report.record_view import RecordView
from tests.helpers.command import COMMAND
from tests.helpers.memory_groups import MemoryGroup, NoMemoryGroupError, memory_group

pytestmark = pytest.mark.process

GB = 1_000_000_000
SHORT = ("--quant", "F16,Q4_0", "--limit", "100")


@pytest.fixture
def group(request: pytest.FixtureRequest) -> Iterator[MemoryGroup]:
    """A group that holds what it is asked for, 1 GB by default, and nothing in swap."""
    context = memory_group(getattr(request, "param", GB))
    try:
        made = context.__enter__()
    except NoMemoryGroupError as error:
        pytest.skip(f"no limit of memory can be set here: {error}")
    try:
        yield made
    finally:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("group", [64_000_000], indirect=True)
def test_a_group_holds_what_it_is_asked_for(group: MemoryGroup) -> None:
    for n_bytes, code, kills in ((16_000_000, 0, 0), (200_000_000, -9, 1)):
        line = group.holding([sys.executable, "-c", f"bytearray({n_bytes})[::4096].count(1)"])
        assert (subprocess.run(line, check=False).returncode, group.kills) == (code, kills)
    assert group.peak_bytes is None or group.peak_bytes <= 64_000_000


@pytest.mark.parametrize(
    ("options", "n_types"),
    [pytest.param(SHORT, 2, id="short"), pytest.param((), 8, id="whole", marks=pytest.mark.slow)],
)
def test_the_demo_runs_in_one_gigabyte(
    options: tuple[str, ...], n_types: int, group: MemoryGroup, own_cache: Path, tmp_path: Path
) -> None:
    report = demo(tmp_path, own_cache, options, group)
    assert len(report.runs) == n_types
    assert report.failures == []
    assert group.kills == 0
    assert group.peak_bytes is None or group.peak_bytes < GB
    assert report.device.limits is not None
    assert report.device.limits.memory_bytes == pytest.approx(GB, abs=1 << 16)


def test_a_report_says_what_the_demo_held_and_wrote(own_cache: Path, tmp_path: Path) -> None:
    report = demo(tmp_path, own_cache, SHORT)
    assert report.peak_rss_bytes < GB
    if report.written_bytes is None:
        assert sys.platform != "linux"
        pytest.skip("this system does not say what was written")
    kept = sum(path.stat().st_size for path in own_cache.glob("gguf/**/*.gguf"))
    kept += (tmp_path / "edgeval.db").stat().st_size
    assert kept > 0
    # The demo writes nothing twice; what it tries kernels with is small. A folder in memory counts
    # for nothing.
    assert report.written_bytes == 0 or kept <= report.written_bytes < 2 * kept
    shown = {fact.label: fact.text for fact in facts(RecordView.of(report))}
    assert shown["Written to disk"].endswith("iB")


def demo(
    folder: Path, cache: Path, options: tuple[str, ...], group: MemoryGroup | None = None
) -> Report:
    """Return the report of the demo, run as a user runs it."""
    line = [*COMMAND, "run", "demo", *options, "--out", "out"]
    store = str(folder / "edgeval.db")
    done = subprocess.run(
        group.holding(line) if group else line,
        cwd=folder,
        env=os.environ | {"EDGEVAL_CACHE": str(cache), "EDGEVAL_STORE": store},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = record_files.load(folder / "out")
    assert isinstance(report, Report)
    return report
