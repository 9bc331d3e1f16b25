"""Whatever is done to a reference file, an exported run or a card, it ends in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="it does not say what memory was held")
@pytest.mark.parametrize(
    ("count", "seed"), [(120, 7), pytest.param(1700, 0, marks=pytest.mark.slow)]
)
def test_changed_files_end_in_a_sentence(count: int, seed: int) -> None:
    """In a process of its own, so that its memory is that of the files."""
    folder = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, str(folder / "exchange_fuzz.py"), str(count), str(seed)],
        cwd=folder.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"{count} tried") == 3
