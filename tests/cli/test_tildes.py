"""A tilde that no shell expanded."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.cli import app
from tests.helpers.command import edgeval


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("~", "{home}"),
        ("~/a b", "{home}/a b"),
        ("--out=~/a", "--out={home}/a"),
        ("~nobody-has-this-name/a", "~nobody-has-this-name/a"),
        ("a~b", "a~b"),
        ("--pre=a=~/b", "--pre=a=~/b"),
    ],
)
def test_a_tilde_that_the_shell_left_is_the_home_folder(
    typed: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    seen: list[list[str]] = []

    def parse(_: object, __: str | None, args: list[str], *___: object, **____: object) -> None:
        seen.append(args)
        raise SystemExit

    monkeypatch.setattr("typer.core.TyperGroup.make_context", parse)
    with pytest.raises(SystemExit):
        app([typed], standalone_mode=False)
    assert seen == [[meant.format(home=tmp_path)]]


def test_a_tilde_in_the_environment_is_the_home_folder(tmp_path: Path) -> None:
    result = edgeval("runs", HOME=str(tmp_path), USERPROFILE=str(tmp_path), EDGEVAL_STORE="~/s.db")
    assert f"there is no store at {tmp_path / 's.db'}" in " ".join(result.stderr.split())
    cache = edgeval("cache", HOME=str(tmp_path), USERPROFILE=str(tmp_path), EDGEVAL_CACHE="~/kept")
    assert f"{tmp_path / 'kept'}: 0 GGUFs" in cache.stdout
