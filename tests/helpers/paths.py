"""Folders of a checkout: this one, its golden files, and the real data that may lie beside it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
TASK_ITEMS = ROOT / "tests" / "data" / "tasks"
SHARED = ROOT.parent / "shared"
