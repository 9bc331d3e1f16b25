"""Paths in the repository."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "demo"
DEMO_ITEMS = DEMO / "items.jsonl"
TASK_ITEMS = ROOT / "tests" / "data" / "tasks"
LM_EVAL_TASK = ROOT / "scripts" / "demo" / "lm_eval_tasks" / "demo_hellaswag.yaml"
INSIDE_PEERS = ROOT / "scripts" / "lib" / "peers" / "inside"
"""Files that another interpreter runs by their path: edgeval and scripts are unknown there."""
