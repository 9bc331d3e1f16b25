"""Whatever is done to a reference file, an exported run or a card, it ends in a sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT

pytestmark = pytest.mark.process


@pytest.mark.skipif(sys.platform == "win32", reason="it does not say what memory was held")
@pytest.mark.parametrize(
    ("count", "seed"), [(120, 7), pytest.param(1700, 0, marks=pytest.mark.slow)]
)
def test_changed_files_end_in_a_sentence(count: int, seed: int) -> None:
    """In a process of its own, so that its memory is that of the files."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.helpers.fuzz.exchange", str(count), str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"{count} tried") == 3
