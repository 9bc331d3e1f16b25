"""Record which fields Hugging Face transformers knows in a Llama model's config.json, by version.

The tests hold edgeval's list of fields to it. Releases are downloaded and read, not run::

    python -m scripts.golden.config_fields tests/golden/config_fields.json
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

VERSIONS = (
    "4.28.1",
    "4.31.0",
    "4.36.2",
    "4.40.2",
    "4.44.2",
    "4.48.3",
    "4.53.3",
    "4.57.6",
    "5.0.0",
    "5.10.4",
    "5.24.0",
)
_CONFIGS = ("PretrainedConfig", "PreTrainedConfig", "LlamaConfig")
_INITIALIZERS = ("__init__", "__post_init__")
_GENERATION_DEFAULTS = ("_get_global_generation_defaults", "_get_generation_defaults")


def fields(module: ast.Module) -> Iterator[str]:
    """Yield the fields of the classes of configurations in a module."""
    for each in module.body:
        if isinstance(each, ast.ClassDef) and each.name in _CONFIGS:
            for statement in each.body:
                if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                    yield statement.target.id
                elif isinstance(statement, ast.FunctionDef):
                    yield from _of_function(statement)


def _of_function(function: ast.FunctionDef) -> Iterator[str]:
    if function.name in _INITIALIZERS:
        arguments = (*function.args.args, *function.args.kwonlyargs)
        yield from (each.arg for each in arguments if each.arg != "self")
        yield from taken(function)
    elif function.name in _GENERATION_DEFAULTS:
        for node in ast.walk(function):
            if isinstance(node, ast.Dict):
                keys = (key.value for key in node.keys if isinstance(key, ast.Constant))
                yield from (key for key in keys if isinstance(key, str))


def taken(tree: ast.AST) -> Iterator[str]:
    """Yield the names that are taken out of ``kwargs``."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("pop", "get")
            and ast.unparse(node.func.value) == "kwargs"
            and isinstance(node.args[0], ast.Constant)
        ):
            yield str(node.args[0].value)


def read(tree: ast.AST) -> Iterator[str]:
    """Yield the names that are read of a configuration."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("config", "self.config"):
            yield node.attr
        elif (
            isinstance(node, ast.Call)
            and ast.unparse(node.func) in ("getattr", "hasattr")
            and ast.unparse(node.args[0]) in ("config", "self.config")
            and isinstance(node.args[1], ast.Constant)
        ):
            yield str(node.args[1].value)


def recorded(version: str, folder: Path) -> dict[str, list[str]]:
    """Return what a version knows: ``fields``, ``generation`` and what its model ``reads``."""
    pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder))
    subprocess.run((*pip, f"transformers=={version}"), check=True)
    (wheel,) = folder.glob(f"transformers-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:

        def module(name: str) -> ast.Module:
            path = f"transformers/{name}.py"
            known = path in archive.namelist()
            return ast.parse(archive.read(path) if known else b"")

        config, llama = "configuration_utils", "models/llama"
        found = {
            "fields": [*fields(module(config)), *fields(module(f"{llama}/configuration_llama"))],
            "generation": list(taken(module("generation/configuration_utils"))),
            "reads": [
                *read(module(f"{llama}/modeling_llama")),
                *read(module("modeling_rope_utils")),
            ],
        }
    return {name: sorted(set(values)) for name, values in found.items()}


def main(out: Annotated[Path, typer.Argument(help="JSON file to write.")]) -> None:
    """Record the fields."""
    with tempfile.TemporaryDirectory() as folder:
        record = {version: recorded(version, Path(folder)) for version in VERSIONS}
    out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"{len(record)} versions recorded in {out}")


if __name__ == "__main__":
    typer.run(main)
