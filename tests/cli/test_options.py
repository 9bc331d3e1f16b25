"""Options of the command line: one a field of ``Options``, with its name and its default."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from edgeval.cli import app
from edgeval.evaluation.options import DEFAULT_LADDER, DEFAULT_STORE, Options

NAMES = [field.name for field in fields(Options)]


def parameters(command: str) -> dict[str, Any]:
    found = get_command(app).commands[command].params  # type: ignore[attr-defined]
    return {parameter.name: parameter for parameter in found}


@pytest.mark.parametrize(
    ("command", "names"),
    [("run", NAMES), ("eval", [name for name in NAMES if name not in ("margin", "kl_items")])],
)
def test_a_command_has_an_option_for_each_field(command: str, names: list[str]) -> None:
    known = parameters(command)
    assert set(known) & set(NAMES) == set(names)
    own = ["models", "quant", "dtype", "imatrix", "reference", "force_compare", "card", "claims"]
    outputs = ["fail_if", "strict", "junit", "summary", "csv", "parquet", "samples", "texts"]
    assert set(parameters("run")) == {
        *(*NAMES, *own, *outputs),
        *("out", "overwrite", "with_paths", "as_json", "dry_run", "yes", "watch"),
    }
    commands_own: dict[str, object] = {"store": DEFAULT_STORE, "devices": None}
    for name in names:
        assert known[name].opts == [f"--{name.replace('_', '-')}"]
        expected = commands_own.get(name, getattr(Options, name))
        assert getattr(known[name].default, "value", known[name].default) == expected


def test_the_ladder_is_the_functions() -> None:
    assert parameters("run")["quant"].default is None
    assert ",".join(DEFAULT_LADDER) in parameters("run")["quant"].show_default


@pytest.mark.parametrize("command", ["run", "eval"])
@pytest.mark.parametrize(
    ("given", "options"),
    [
        ([], Options(store=DEFAULT_STORE)),
        (["--no-check", "--force"], Options(store=DEFAULT_STORE, check=False, force=True)),
        (["--check"], Options(store=DEFAULT_STORE)),
        (
            ["--devices", "CUDA0, CUDA1", "--backend", "CUDA", "--gpu-layers", "3"],
            Options(store=DEFAULT_STORE, devices=("CUDA0", "CUDA1"), backend="cuda", gpu_layers=3),
        ),
        (["--device=0"], Options(store=DEFAULT_STORE, devices=("0",))),
        (["--batch", "64"], Options(store=DEFAULT_STORE, batch_tokens=64)),
        (["--batch-tokens=64"], Options(store=DEFAULT_STORE, batch_tokens=64)),
        (
            ["--order", "FILE", "--kernels", "Plain", "--store", "~/a.db"],
            Options(store=Path("~/a.db").expanduser(), order="file", kernels="plain"),
        ),
    ],
)
def test_what_is_typed_becomes_options(
    command: str,
    given: list[str],
    options: Options,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    from edgeval.evaluation import evaluate, pipeline

    class StopError(Exception):
        pass

    def stop(*arguments: object, **_: object) -> None:
        taken.append(arguments[1])
        raise StopError

    taken: list[object] = []
    monkeypatch.delenv("EDGEVAL_STORE")
    monkeypatch.setattr(pipeline, "run", stop)
    monkeypatch.setattr(evaluate, "evaluate", stop)
    monkeypatch.chdir(tmp_path)
    ended = CliRunner().invoke(app, [command, "model.gguf", *given])
    assert isinstance(ended.exception, StopError), ended.output
    assert taken == [options]
    plain = [type(getattr(taken[0], name)) for name in ("order", "kernels")]
    assert plain == [str, str]


@pytest.mark.parametrize("command", ["run", "eval", "doctor"])
def test_former_names_are_not_in_the_help(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"}).output
    assert "--devices" in shown
    assert "--device " not in shown and "--batch " not in shown
