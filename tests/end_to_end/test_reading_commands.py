"""Commands that only read: they run without what computes, and start fast."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pydantic
import pytest

from edgeval.checkpoints.cards import cards
from edgeval.store.reference_export import export_reference
from edgeval.store.store import Store
from tests.helpers.benches import board_bench, heated_load
from tests.helpers.fakes import without_kernels
from tests.helpers.logged import answers, write_rows
from tests.helpers.reports import example_report
from tests.helpers.stores import DEVICE, FACTS, MODEL_FACTS, WORK, open_run, score_of

resource = pytest.importorskip("resource")

pytestmark = pytest.mark.process

BLOCKED = ("datasets", "gguf", "llama_cpp", "scipy")
BLOCK = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {BLOCKED}:
            raise ImportError(f"{{name}} is blocked")

sys.meta_path.insert(0, Blocked())
from edgeval.cli import main
main()
"""


def light(rows: int = 0) -> str:
    """Return what no command can do without: a command of typer that prints a table of rich.

    Newer releases of typer load pydantic for any command; with older ones, schemas do.
    """
    return f"""
import pydantic, rich.console, rich.table, typer

app = typer.Typer()

@app.command()
def nothing(flag: bool = False) -> None:
    table = rich.table.Table(*"abcdefg")
    for _ in range({rows}):
        table.add_row(*"1234567")
    rich.console.Console().print(table)

app([], standalone_mode=False)
"""


WITH_NUMBERS = f"import jinja2.environment, numpy\n{light()}"

DRAWING = """
import subprocess
import sys

code = '''
import vl_convert
spec = {"data": {"values": [{"a": 1}]}, "mark": "point", "encoding": {"x": {"field": "a"}}}
vl_convert.vegalite_to_svg(spec)
vl_convert.vegalite_to_png(spec, scale=2)
'''
subprocess.run([sys.executable, "-c", code], check=True)
"""
DRAWS = importlib.util.find_spec("vl_convert") is not None

OLD_PYDANTIC = tuple(map(int, pydantic.VERSION.split(".")[:2])) < (2, 10)

PLAIN = (
    ("--help",),
    ("models",),
    ("protocols",),
    ("cache",),
    *(("schema", name) for name in ("report", "eval", "inspect", "run", "doctor")),
)
WITH_PICTURES = (
    ("report", "."),
    ("compare", ".", ".", "--out", "pages", "--overwrite"),
    ("compare", "bench.json", "--out", "boards", "--overwrite"),
)
OF_FILES = (
    *WITH_PICTURES,
    ("report", ".", "--format", "latex"),
    ("report", ".", "--format", "model-card"),
    ("verdict", "."),
    ("compare", ".", "."),
    ("compare", "--lm-eval", "a.jsonl", "a.jsonl"),
    ("runs", "--store", "a.db"),
    ("history", "--store", "a.db"),
    ("history", "--store", "a.db", "--out", "pages", "--overwrite"),
    ("runs", "show", "1", "--store", "a.db"),
    ("reference", "show", "ref.npz"),
)
OF_THE_HUB = (("models", "tiny/llama", "--offline"),)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a record, a store, a reference file and a cache of the hub."""
    made = tmp_path_factory.mktemp("saved")
    record = example_report()
    write_rows(made / "a.jsonl", answers([1, 0]))
    bench = board_bench(watts={"typed in": 6.4}, sustained=heated_load())
    (made / "bench.json").write_text(bench.model_dump_json(), encoding="utf-8")
    (made / "report.json").write_text(record.model_dump_json(), encoding="utf-8")
    known = replace(FACTS, n_total=60, model=MODEL_FACTS)
    with Store(made / "a.db") as store, open_run(store) as run:
        scores = {index: score_of(index) for index in range(40)}
        run.save(run.add_plan(tuple(scores), known, DEVICE), scores, WORK)
    export_reference(made / "a.db", 1, made / "ref.npz")
    repository = made / "hub" / "models--tiny--llama"
    for name, text in {"refs/main": "a" * 40, f"snapshots/{'a' * 40}/a-Q8_0.gguf": "GGUF"}.items():
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text(text, encoding="utf-8")
    return made


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    ours = {"EDGEVAL_CACHE": str(folder / "cache"), "HF_HUB_CACHE": str(folder / "hub")}
    environment = os.environ | ours
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


GATED = ("report", ".", "--fail-if", "Q8_0:drift>9", "--junit", "j.xml", "--summary", "s.md")


@pytest.mark.parametrize(
    "command", [("--version",), *PLAIN, *OF_FILES, *OF_THE_HUB, GATED], ids=" ".join
)
def test_a_reading_command_needs_nothing_that_computes(
    command: tuple[str, ...], folder: Path
) -> None:
    result = python(folder, "-c", BLOCK, *command)
    assert (result.returncode, without_kernels(result.stderr.splitlines())) == (0, [])
    assert result.stdout


def test_what_is_blocked_cannot_be_loaded(folder: Path) -> None:
    result = python(folder, "-c", f"{BLOCK.split('from edgeval')[0]}import gguf")
    assert "gguf is blocked" in result.stderr


def cpu_s(folder: Path, arguments: tuple[str, ...]) -> float:
    """Return the CPU seconds of a process: others that compute slow it down less than its clock."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert python(folder, *arguments).returncode == 0
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ratio(folder: Path, command: tuple[str, ...], other: str, most: float = 2) -> float:
    """Return how much longer a command takes than a program, by the least times of some pairs.

    Two pairs, and up to six where those say that it takes more than it may.
    """
    times: list[tuple[float, float]] = []
    while True:
        times.append((cpu_s(folder, ("-m", "edgeval", *command)), cpu_s(folder, ("-c", other))))
        least, others = (min(column) for column in zip(*times, strict=True))
        if len(times) >= 2 and (least < most * others or len(times) == 6):
            return least / others


def test_the_version_takes_twice_what_its_libraries_take(folder: Path) -> None:
    assert ratio(folder, ("--version",), "import importlib.metadata, rich.console, typer") < 2


@pytest.mark.parametrize("command", PLAIN[:5], ids=" ".join)
def test_a_listing_takes_twice_what_an_empty_command_takes(
    command: tuple[str, ...], folder: Path
) -> None:
    """Typer from 0.26 checks options with pydantic, so that an empty command loads that, too.

    It takes 2.3 times what ``import typer, rich`` takes, and no command can be faster. Schemas are
    built before they are printed, which pydantic before 2.10 does more slowly. Cards are many, and
    rich takes a third of the time that they take for their rows.
    """
    most = 3.5 if command[0] == "schema" and OLD_PYDANTIC else 2
    rows = sum(max(1, len(card.claims)) for card in cards().values()) if "models" in command else 0
    assert ratio(folder, command, light(rows), most) < most


@pytest.mark.parametrize("command", OF_FILES, ids=" ".join)
def test_a_view_takes_little_more_than_its_libraries(
    command: tuple[str, ...], folder: Path
) -> None:
    """A view of saved numbers computes what follows from them, with NumPy; pages need Jinja.

    Most take 1.4 to 1.8 times what loading those takes; report, which compiles its templates and
    computes exact intervals, takes 2.1. Those with a picture draw it in a process of its own.
    """
    other = WITH_NUMBERS + DRAWING if command in WITH_PICTURES and DRAWS else WITH_NUMBERS
    assert ratio(folder, command, other, 2.5) < 2.5
