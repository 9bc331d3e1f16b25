from __future__ import annotations

import ast
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
ALL = sorted(SCRIPTS.rglob("*.py"))
COMMANDS = [path for path in ALL if "typer.run(" in path.read_text(encoding="utf-8")]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SCRIPTS.parent).with_suffix("").parts)


def test_commands_lie_in_the_folder_of_their_purpose() -> None:
    folders = {path.relative_to(SCRIPTS).parts[0] for path in COMMANDS}
    assert folders == {"bench", "check", "demo", "fetch", "golden"}


@pytest.mark.parametrize("path", COMMANDS, ids=name_of)
def test_a_command_says_how_it_is_run(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    assert f"python -m {name_of(path)}" in docstring


def test_no_script_changes_where_modules_are_looked_for() -> None:
    changing = [name_of(path) for path in ALL if "sys.path" in path.read_text(encoding="utf-8")]
    assert changing == []
