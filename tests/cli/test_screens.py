"""Screens of 40 to 120 columns: no word and no number is broken, and none is lost unsaid."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeval.checkpoints.cards import cards
from edgeval.cli.terminal import cards as card_tables
from edgeval.cli.terminal import (
    comparison,
    diagnosis,
    ggufs,
    inspection,
    report,
    runs,
    verdict,
)
from edgeval.cli.terminal import protocols as protocol_tables
from edgeval.gguf.inspect import inspect
from edgeval.hub.cache import RemoteFile
from edgeval.hub.gguf_repo import GgufRepo, models_in
from edgeval.records import Evaluation, Finding
from edgeval.report.compare.compare import compare_records
from edgeval.store.runs import list_runs, show_run
from edgeval.tasks.protocol import PROTOCOLS
from edgeval.tasks.registry import TASKS
from tests.helpers.diagnoses import example_diagnosis
from tests.helpers.gguf_hub import BASE, N_PARAMS, OTHERS, REPO, SIZES
from tests.helpers.reports import ELSEWHERE, example_report
from tests.helpers.stores import make_store

WIDTHS = (40, 60, 80, 120)
WIDE = 1000
JOINED = {"bits/weight", "lost/gained"}
"""Titles of two lines in a table, of one among lines."""
_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_BOX = re.compile(r"[\u2500-\u257f]")
_LEFT_OUT = "Left out of a screen this narrow: "

Show = Callable[[], None]
Shown = Callable[[Show, int], list[str]]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    """Return a function that gives the lines of a terminal of a width."""
    monkeypatch.setenv("FORCE_COLOR", "1")

    def lines(show: Show, width: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        show()
        return [_STYLE.sub("", line) for line in capsys.readouterr().out.splitlines()]

    return lines


def words(lines: list[str]) -> set[str]:
    return set(_BOX.sub(" ", "\n".join(lines)).split())


def left_out(lines: list[str]) -> list[str]:
    """Return the titles of columns that are said to be left out."""
    found = re.search(rf"{_LEFT_OUT}(.+?)\.( |$)", " ".join(lines))
    return found[1].split(", ") if found else []


def cells_below(lines: list[str], titles: list[str]) -> set[str]:
    """Return the words of some columns of a wide table, the only one that is shown."""
    if not titles:
        return set()
    headings = [_cells(line) for line in lines if line.startswith("┃")]
    rows = [_cells(line) for line in lines if line.startswith("│")]
    names = ["/".join(parts).replace("//", "/").strip("/") for parts in zip(*headings, strict=True)]
    places = [at for at, name in enumerate(names) if name in titles]
    return {word for row in rows for at in places for word in row[at].split()}


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("│┃").split(line[0])]


def an_evaluation() -> Evaluation:
    record = example_report()
    fields = {name: getattr(record, name) for name in Evaluation.model_fields if name != "runs"}
    return Evaluation(**fields, runs=record.runs)


def a_comparison() -> None:
    record = example_report()
    other = record.model_copy(update={"device": ELSEWHERE})
    comparison.print_comparison(compare_records([record, other], [Path("a"), Path("b")], 1.0))


def a_repository() -> GgufRepo:
    files = {name: RemoteFile(name, n_bytes, "") for name, n_bytes in SIZES.items()}
    found = models_in({name: file for name, file in files.items() if name.endswith(".gguf")})
    return GgufRepo(REPO, "main", "a" * 40, found, BASE, tuple(OTHERS), N_PARAMS, "llama")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("store") / "edgeval.db", runs=2)


@pytest.fixture
def screens(store: Path, tiny_f16: Path) -> dict[str, Show]:
    """Return what prints the screen of each command."""
    record = example_report()
    return {
        "run": lambda: report.print_report(record),
        "eval": lambda: report.print_evaluation(an_evaluation()),
        "models": lambda: card_tables.print_cards(list(cards().values()), [], Path("own")),
        "models show": lambda: card_tables.print_card(cards()["tinyllama-3t"]),
        "models OWNER/NAME": lambda: ggufs.print_ggufs(a_repository()),
        "protocols": lambda: protocol_tables.print_protocols(list(PROTOCOLS.values())),
        "tasks": lambda: protocol_tables.print_tasks(list(TASKS.values())),
        "compare": a_comparison,
        "doctor": lambda: diagnosis.print_diagnosis(example_diagnosis()),
        "runs": lambda: runs.print_runs(list_runs(store), Path("edgeval.db")),
        "runs show": lambda: runs.print_run(show_run(store, 1)),
        "inspect": lambda: inspection.print_inspection(inspect(tiny_f16)),
        "verdict": lambda: verdict.print_verdicts(record, record.verdicts),
    }


COMMANDS = (
    "run",
    "eval",
    "models",
    "models show",
    "models OWNER/NAME",
    "protocols",
    "compare",
    "doctor",
    "runs",
    "runs show",
    "inspect",
    "verdict",
)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_word_and_number_is_whole(
    command: str, width: int, screens: dict[str, Show], shown: Shown
) -> None:
    whole, narrow = shown(screens[command], WIDE), shown(screens[command], width)
    gone = left_out(narrow)
    known = words(whole) | JOINED | set(_LEFT_OUT.split()) | words([f"{', '.join(gone)}."])
    cut = {word for word in words(narrow) if word.endswith("…")}
    assert words(narrow) - known - cut == set()
    wide = [line for line in narrow if len(line) > width and len(line.split()) > 1]
    assert wide == []
    if command == "inspect":
        return  # Values of metadata are cut where the screen ends.
    numbers = {word for word in words(whole) if re.search(r"\d", word)}
    assert numbers - words(narrow) - cells_below(whole, gone) - cut == set()


@pytest.mark.parametrize("width", [50, 59])
def test_below_60_columns_a_type_takes_two_lines(
    width: int, screens: dict[str, Show], shown: Shown
) -> None:
    lines = shown(screens["run"], width)
    begins = [at for at, line in enumerate(lines) if line.startswith(("F16 ", "Q"))][:8]
    assert [line.split()[0] for line in (lines[at] for at in begins)][:2] == ["F16", "Q8_0"]
    assert {after - before for before, after in itertools.pairwise(begins)} == {2}
    assert "equivalent" in " ".join(lines[begins[1] : begins[2]])


def test_numbers_stand_below_each_other_on_lines_too(
    screens: dict[str, Show], shown: Shown
) -> None:
    lines = shown(screens["run"], 59)
    rows = [line for line in lines if re.match(r"(F16|Q\w+) ", line)][:8]
    ends = {match.end() for line in rows if (match := re.search(r"\d\.\d GiB|\d MiB", line))}
    assert len(ends) == 1


def test_a_file_gets_a_paragraph_in_one_line(
    screens: dict[str, Show], capsys: pytest.CaptureFixture[str]
) -> None:
    screens["run"]()
    lines = capsys.readouterr().out.splitlines()
    assert any(len(line) > 200 and line.startswith("On all 10,042 items") for line in lines)
    assert not any(_LEFT_OUT in line for line in lines)


def test_a_command_to_copy_stays_one_line(shown: Shown) -> None:
    command = 'CMAKE_ARGS="-DGGML_CUDA=on" pip install --no-binary llama-cpp-python x==1'
    finding = Finding(kind="advice", sentence=f"to use the GPU, build it again: {command}")
    lines = shown(lambda: diagnosis.print_diagnosis(example_diagnosis(findings=[finding])), 60)
    assert command in lines
    assert "advice: to use the GPU, build it again:" in [line.rstrip() for line in lines]
