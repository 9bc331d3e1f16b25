"""The public face: what ``import edgeval`` offers, and what it costs."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import edgeval
from edgeval.report import record_files
from tests.helpers.reports import example_report

PACKAGE = Path(edgeval.__file__).parent
HEAVY = ("llama_cpp", "gguf", "numpy", "scipy", "datasets", "pydantic", "rich", "typer", "typing")
COMMANDS = {
    "run": edgeval.run,
    "pick": edgeval.pick,
    "eval": edgeval.evaluate,
    "convert": edgeval.convert,
    "quantize": edgeval.quantize,
    "imatrix": edgeval.imatrix,
    "inspect": edgeval.inspect,
    "report": edgeval.load,
    "compare": edgeval.compare,
    "history": edgeval.history,
    "doctor": edgeval.diagnose,
    "bench": edgeval.bench,
    "runs": edgeval.list_runs,
    "reference": edgeval.export_reference,
}


def in_a_process(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=True
    )
    return result.stdout


@pytest.mark.parametrize("name", edgeval.__all__)
def test_every_public_name_is_there_and_explained(name: str) -> None:
    assert name in dir(edgeval)
    value = getattr(edgeval, name)
    assert value.__doc__ and value.__doc__[0].isupper()
    if not isinstance(value, type):
        # Python 3.13 keeps no indentation of a docstring.
        text = inspect.cleandoc(value.__doc__)
        for parameter in inspect.signature(value).parameters:
            assert f"    {parameter}: " in text or parameter in ("path", "number")


def test_nothing_is_public_beside_them() -> None:
    public = {
        name
        for name, value in vars(edgeval).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    for name in edgeval.__all__:
        getattr(edgeval, name)
    assert public - {"TYPE_CHECKING"} <= set(edgeval.__all__)
    assert edgeval.__all__ == sorted(edgeval.__all__, key=lambda name: (name.islower(), name))
    with pytest.raises(AttributeError, match="has no attribute 'perplexity'"):
        edgeval.perplexity  # type: ignore[attr-defined]  # noqa: B018


def test_type_checkers_see_the_same_names_from_the_same_modules() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    seen = {
        alias.asname or alias.name: f"{node.module}:{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == edgeval._HOMES
    assert sorted(seen) == sorted(edgeval.__all__)
    assert (PACKAGE / "py.typed").is_file()


def test_no_public_name_is_hidden_by_a_package_of_that_name() -> None:
    packages = {path.name for path in PACKAGE.iterdir() if path.is_dir()}
    assert not packages & set(edgeval.__all__)


def test_all_commands_that_make_something_have_a_function() -> None:
    from typer.main import get_command

    from edgeval.cli import app

    only_shown = {"models", "protocols", "verdict", "schema", "cache"}
    # The function of what is handed on is lm-evaluation-harness's own.
    handed_on = {"lm-eval"}
    commands = get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) == set(COMMANDS) | only_shown | handed_on


def test_importing_it_loads_nothing_else() -> None:
    code = f"import sys, edgeval; print([name for name in {HEAVY} if name in sys.modules])"
    assert in_a_process(code) == "[]\n"


def test_importing_it_takes_no_time() -> None:
    def elapsed_ms(code: str) -> float:
        began = time.perf_counter()
        in_a_process(code)
        return 1e3 * (time.perf_counter() - began)

    pairs = [(elapsed_ms("pass"), elapsed_ms("import edgeval")) for _ in range(7)]
    # The fastest of each, side by side: others use this machine, too.
    assert min(loaded for _, loaded in pairs) - min(bare for bare, _ in pairs) < 30


def test_options_load_neither_arrays_nor_schemas() -> None:
    # Help pages show their defaults.
    code = (
        "import sys, edgeval.evaluation.options\n"
        "print([name for name in ('numpy', 'pydantic', 'llama_cpp') if name in sys.modules])"
    )
    assert in_a_process(code) == "[]\n"


def test_paths_may_be_text(tmp_path: Path, tiny_f16: Path) -> None:
    record_files.save(example_report(), tmp_path)
    record = edgeval.load(str(tmp_path))
    assert record == edgeval.load(tmp_path) == example_report()
    both = edgeval.compare([str(tmp_path), str(tmp_path / "report.json")])
    assert [len(each.runs) for each in both.types] == [2] * len(record.runs)
    assert edgeval.inspect(str(tiny_f16)) == edgeval.inspect(tiny_f16, progress=None)
    options = edgeval.Options(data="items.jsonl", store="scores.db", shots_data="shots.jsonl")  # type: ignore[arg-type]
    assert options == edgeval.Options(
        data=Path("items.jsonl"), store=Path("scores.db"), shots_data=Path("shots.jsonl")
    )
    with pytest.raises(edgeval.EdgevalError, match="there is no store"):
        edgeval.list_runs(str(tmp_path / "none.db"))


def test_a_run_is_unpacked_or_named(tiny_f16: Path, tiny_items: Path, tmp_path: Path) -> None:
    options = edgeval.Options(data=tiny_items, limit=4, kernels="plain", check=False, kl_items=0)
    result = edgeval.run(tiny_f16, options, types=["F16"], out=str(tmp_path / "out"))
    record, folder = result
    assert (record, folder) == (result.report, result.folder)
    assert folder == tmp_path / "out"
    assert edgeval.load(folder) == record
    assert result._repr_html_() == record._repr_html_()
    evaluation = edgeval.evaluate([str(tiny_f16)], options)
    assert evaluation.runs[0].metrics == record.runs[0].metrics


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (lambda: edgeval.Options(order="rand"), r"--order rand \(did you mean 'random'\?\)"),  # type: ignore[arg-type]
        (lambda: edgeval.Options(kernels="fast"), "use auto, default, plain"),  # type: ignore[arg-type]
        (lambda: edgeval.Options(limit=0), "--limit 0 leaves no items"),
        (lambda: edgeval.Options(batch_tokens=0), "--batch-tokens 0 holds no token"),
        (lambda: edgeval.Options(protocol="lm-evil"), "did you mean 'lm-eval'"),
        (lambda: edgeval.Options(until=1, margin=2), "name two margins"),
        (lambda: edgeval.Options(shots=2, data=Path("a.jsonl")), "needs solved items to draw"),
    ],
)
def test_options_are_refused_before_anything_is_loaded(
    options: Callable[[], edgeval.Options], sentence: str
) -> None:
    with pytest.raises(edgeval.EdgevalError, match=sentence):
        options().require_usable()
