"""The command ``edgeval pick``: what it prints, asks and returns."""

from __future__ import annotations

import io
import json
import re
import shlex
import sys
from pathlib import Path

import pytest

from edgeval.cli.pick import _asking
from edgeval.records import Report
from edgeval.records.pick import Pick
from edgeval.system.bars import TerminalProgress
from edgeval.system.console import stderr_console
from tests.helpers.command import Result, assert_one_sentence, edgeval
from tests.helpers.hub_user import User
from tests.helpers.picks import REPO, names, smallest


def pick(*given: str | Path, items: Path, scores: Path) -> Result:
    fixed = ("--kernels", "plain", "--no-check", "--kl-items", "0")
    return edgeval("pick", *given, "--data", items, "--store", scores, *fixed)


def test_it_prints_what_to_take_what_shows_it_and_how_to_run_it(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    right = smallest(whole, 1.0)
    done = pick(REPO, "--yes", "--out", tmp_path / "o", items=items, scores=scores)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    assert re.search(r"Q2_K +│ 1\.8 MiB .* worse, deleted", out)
    assert re.search(r"F16 +│ 7\.0 MiB .* reference, deleted", out)
    assert re.search(rf"{right} +│ .* recommended .* 0\.00", out)
    assert (
        f"Take {right} (2.3 MiB), the smallest of 8 files that is shown to be at most 1 point"
        in out
    )
    assert "generated tokens a second with" in out
    assert f"deleted again: Q2_K, Q3_K_M and F16; kept: {right}." in out
    (server, cli) = [line for line in out.splitlines() if line.startswith("llama-")]
    assert server == f"llama-server -hf {REPO}:{right}"
    *words, path = shlex.split(cli)
    assert words == ["llama-cli", "-m"] and Path(path).is_file()
    assert out.splitlines()[-1].endswith("o: report.html, report.md, report.json, pick.json")
    # What will be done is said on stderr.
    assert "tried, the smallest first" in done.stderr and "at most 24.7 MiB" in done.stderr


def test_json_is_the_record(
    user: User, items: Path, scores: Path, whole: Report, tmp_path: Path
) -> None:
    done = pick(REPO, "--keep", "--json", "--out", tmp_path / "o", items=items, scores=scores)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "o" / "pick.json").read_text("utf-8"))
    record = Pick.model_validate_json(done.stdout)
    assert record.recommended == smallest(whole, 1.0)
    (row,) = [row for row in record.rows() if row["is_recommended"]]
    assert (row["label"], row["outcome"], row["is_deleted"]) == (
        record.recommended,
        "recommended",
        False,
    )
    assert record.command.startswith(f"edgeval pick {REPO} --keep --json --out o ")


def test_that_nothing_may_be_taken_is_an_answer_with_an_exit_code_of_its_own(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    done = pick(published, "--max-size", "2M", "--out", tmp_path / "o", items=items, scores=scores)
    assert done.returncode == 3
    assert (
        "None of 8 files may be taken: none is shown to be at most 1 point worse than F16 and has "
        "at most 2.0 MiB, and F16 itself has 7.0 MiB." in done.stdout
    )
    assert "llama-" not in done.stdout
    assert "error" not in done.stderr


def test_the_reference_is_named_as_what_it_is(
    published: Path, items: Path, scores: Path, tmp_path: Path
) -> None:
    files = [published / f"demo-{each}.gguf" for each in ("Q2_K", "F16")]
    done = pick(*files, "--out", tmp_path / "o", items=items, scores=scores)
    assert done.returncode == 0
    assert (
        "Take F16 (7.0 MiB), the reference: no smaller file is shown to be at most 1 point worse."
        in done.stdout
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("llama-")]
    assert shlex.split(line) == ["llama-cli", "-m", str(files[1])]


def test_where_nobody_can_answer_what_loses_is_kept_and_that_is_said(
    user: User, items: Path, scores: Path, tmp_path: Path
) -> None:
    models = [f"{REPO}:{each}" for each in ("Q2_K", "F16")]
    done = pick(*models, "--out", tmp_path / "o", items=items, scores=scores)
    assert "files that lose are kept in the hub's cache; --yes deletes them" in done.stderr
    assert names(user) == {"demo-Q2_K.gguf", "demo-F16.gguf"}
    done = pick(*models, "--keep", "--out", tmp_path / "p", items=items, scores=scores)
    assert "--yes" not in done.stderr


@pytest.mark.parametrize(
    ("typed", "expected"),
    [("y\n", True), (" YES\n", True), ("\n", False), ("no\n", False), ("", False)],
)
def test_it_asks_on_a_terminal(
    typed: str, expected: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    with TerminalProgress(stderr_console()) as progress:
        assert _asking(progress)() is expected
    streams = capsys.readouterr()
    assert streams.out == ""
    assert streams.err == (
        "Files that lose are deleted from the hub's cache as soon as they have lost? [y/N] "
    )


@pytest.mark.parametrize(
    ("given", "words", "code"),
    [
        (["--max-size", "2X"], ["--max-size", "2X is no size; write it like 2G"], 2),
        (["--max-drift", "0"], ["--max-drift 0 is no margin"], 1),
        (["--until", "1"], ["No such option"], 2),
        (["--order", "file"], ["No such option"], 2),
    ],
)
def test_what_is_typed_wrongly_is_one_sentence(
    given: list[str], words: list[str], code: int, published: Path, items: Path
) -> None:
    done = edgeval("pick", published, *given, "--data", items)
    assert done.returncode == code
    assert done.stdout == ""
    error = done.stderr.strip().splitlines()[-1]
    assert error.startswith("error: ") and all(word in error for word in words)


def test_a_checkpoint_is_no_choice(items: Path) -> None:
    assert_one_sentence(edgeval("pick", "demo", "--data", items), ["only GGUFs are picked from"])
