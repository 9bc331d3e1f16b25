"""Layers: a package imports only packages below it, and no two files import each other."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "edgeval"
LAYERS = (
    "errors", "system", "sensors", "records", "gguf", "hub", "tasks", "stats", "llama", "scoring",
    "engine", "checkpoints", "quantization", "store", "report", "evaluation", "benchmark",
    "integrations", "doctor", "cli",
)  # fmt: skip
"""From the ground up. An import inside a function, or for types alone, counts too."""
FACE = ("__init__", "__main__")
"""The public face and the command line stand above all."""
DESCRIBING = ("What", "How", "Which", "Where", "Whether", "Why", "When", "Who", "The", "A", "An")


def modules() -> dict[str, ast.Module]:
    """Return the syntax trees of all modules by their names below the package."""
    return {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): (
            ast.parse(path.read_text("utf-8"))
        )
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def imported(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Yield the modules of the package that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("edgeval"):
            module = (node.module or "").removeprefix("edgeval").removeprefix(".")
            for alias in node.names:
                inner = f"{module}.{alias.name}".removeprefix(".")
                yield inner if inner in names else module
        elif isinstance(node, ast.Import):
            found = (alias.name for alias in node.names if alias.name.startswith("edgeval."))
            yield from (name.removeprefix("edgeval.") for name in found)


def test_the_top_folder_holds_the_layers_and_nothing_else() -> None:
    entries = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert entries == {*LAYERS, *FACE, "docs", "py"}  # py.typed; docs are pages.


def test_a_package_imports_only_packages_below_it() -> None:
    found = modules()
    upward = [
        f"{name} imports {other}"
        for name, tree in found.items()
        if (layer := name.split(".")[0]) in LAYERS
        for other in imported(tree, set(found))
        if other and LAYERS.index(other.split(".")[0]) > LAYERS.index(layer)
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    found = modules()
    graph = {
        name: {other for other in _at_import(tree, set(found)) if other not in (name, "")}
        for name, tree in found.items()
    }
    graphlib.TopologicalSorter(graph).prepare()


def _at_import(tree: ast.Module, names: set[str]) -> Iterator[str]:
    """Yield what is imported when a module is: at its top, outside of functions and types."""
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    yield from imported(ast.Module(body=list(top), type_ignores=[]), names)


def test_package_faces_hold_names_and_no_logic() -> None:
    logic = [
        f"{path.parent.name}: {node.name}"
        for path in PACKAGE.rglob("__init__.py")
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.name not in ("__getattr__", "__dir__")
    ]
    assert logic == []


def test_module_docstrings_begin_with_their_noun() -> None:
    first = {
        name: (ast.get_docstring(tree) or "").split(" ")[0] for name, tree in modules().items()
    }
    assert {name: word for name, word in first.items() if word in DESCRIBING or not word} == {}


def test_files_stay_small() -> None:
    lines = {
        str(path.relative_to(PACKAGE)): path.read_text("utf-8").count("\n")
        for path in PACKAGE.rglob("*.py")
    }
    assert {path: n for path, n in lines.items() if n > 300} == {}


def test_a_wheel_holds_nothing_but_the_package() -> None:
    settings = (PACKAGE.parent / "pyproject.toml").read_text("utf-8")
    section = settings.split("[tool.hatch.build.targets.wheel]")[1].split("[")[1]
    assert section.split("]")[0] == '"edgeval"'
