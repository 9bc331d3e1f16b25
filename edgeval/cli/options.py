"""Options that several commands have, and those of an evaluation: one a field of ``Options``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval.evaluation.options import DEFAULT_STORE, Options

Command = Callable[..., None]

WHAT, HOW = "What is evaluated", "How it is computed"
_what = functools.partial(typer.Option, rich_help_panel=WHAT)
_how = functools.partial(typer.Option, rich_help_panel=HOW)


class Order(str, Enum):
    """In which order items are taken from the data."""

    random = "random"
    file = "file"


class KernelsWanted(str, Enum):
    """Which of llama.cpp's kernels compute on the CPU."""

    auto = "auto"
    default = "default"
    plain = "plain"


def expanded(path: Path) -> Path:
    """Return a path of the environment with the home folder for ``~``."""
    return path.expanduser()


def folded(name: str | None) -> str | None:
    """Return a name of edgeval's own in the case that it is known by."""
    return None if name is None else name.casefold()


def names(given: str | None) -> tuple[str, ...]:
    """Return the names in a list that commas separate."""
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())


def _store(panel: str | None = None) -> Any:
    return typer.Option(
        "--store",
        envvar="EDGEVAL_STORE",
        callback=expanded,
        help="File that scores are kept in.",
        rich_help_panel=panel,
    )


BackendOption = Annotated[str, _how(callback=folded, help="auto, cpu, metal or cuda.")]
Threads = Annotated[int | None, _how(min=1, help="CPU threads.", show_default="physical cores")]
Pre = Annotated[
    str | None,
    _what(
        metavar="NAME",
        help="Pre-tokenizer of a GGUF that names none or a wrong one, as llama.cpp calls it.",
        show_default="what the GGUF says",
    ),
]
StoreOption = Annotated[Path, _store(HOW)]
StoreFile = Annotated[Path, _store()]
WithPaths = Annotated[
    bool,
    typer.Option(
        "--with-paths",
        help="Keep the command in the record as it is typed, with its folders.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_ANNOTATIONS: dict[str, Any] = {
    "task": Annotated[
        str,
        _what(
            callback=folded,
            help="The benchmark; edgeval run takes several, with commas, or a group.",
        ),
    ],
    "lm_eval_task": Annotated[
        str | None,
        _what(
            metavar="NAME",
            help="A task of an installed lm-evaluation-harness, instead of --task.",
        ),
    ],
    "lm_eval_include": Annotated[
        Path | None,
        _what(
            metavar="FOLDER",
            help="Further tasks of the harness. Code in it runs.",
        ),
    ],
    "data": Annotated[
        Path | None,
        _what(
            help="Local items: .jsonl, .json or .parquet in the hub's schema, or llama.cpp's .txt.",
            show_default="the task's, on the hub",
        ),
    ],
    "protocol": Annotated[
        str | None,
        _what(
            callback=folded,
            help="lm-eval, lm-eval-bos or llama.cpp; see edgeval protocols.",
            show_default="the claim's, or lm-eval-bos; llama.cpp for .txt",
        ),
    ],
    "shots": Annotated[int, _what(min=0, help="Show N solved items before each item.")],
    "shots_data": Annotated[
        Path | None,
        _what(
            help="Local items to draw the shots from.",
            show_default="the task's solved items, on the hub",
        ),
    ],
    "limit": Annotated[int | None, _what(min=1, help="Evaluate a slice of N items.")],
    "until": Annotated[
        float | None,
        _what(
            metavar="POINTS",
            help="Stop as soon as what is asked is decided to POINTS, with intervals that allow "
            "it.",
        ),
    ],
    "margin": Annotated[
        float | None,
        _what(
            metavar="POINTS",
            help="Two accuracies this close are called equivalent.",
            show_default="what --until says, or 1",
        ),
    ],
    "order": Annotated[
        Order,
        _what(
            case_sensitive=False,
            help="random: a seeded slice, stratified by group; file: the first N.",
        ),
    ],
    "seed": Annotated[int, _what(min=0, help="Seed of the random order.")],
    "pre": Pre,
    "backend": BackendOption,
    "devices": Annotated[
        str | None,
        _how(
            callback=names,
            metavar="NAME,...",
            help="GPUs to use, as edgeval doctor lists them.",
            show_default="as many as needed",
        ),
    ],
    "gpu_layers": Annotated[
        int | None, _how(min=0, help="Layers to compute on GPUs.", show_default="as many as fit")
    ],
    "kernels": Annotated[
        KernelsWanted,
        _how(
            case_sensitive=False,
            help="On the CPU: the faster sound ones, llama.cpp's default, or those without "
            "repacking.",
        ),
    ],
    "check": Annotated[
        bool,
        _how(
            "--check/--no-check",
            help="Check a GPU, and the CPU's kernels, before they are trusted.",
        ),
    ],
    "threads": Threads,
    "batch_tokens": Annotated[
        int | None,
        _how(
            min=1,
            help="Tokens a batch; smaller ones take less memory and decode more tokens in all.",
            show_default="1024; 256 for F32",
        ),
    ],
    "force": Annotated[bool, _how("--force", help="Load a model that does not fit.")],
    "offline": Annotated[bool, _how("--offline", help="Never touch the network.")],
    "store": StoreOption,
    "fresh": Annotated[
        bool, _how("--fresh", help="Score again what the store holds; it keeps both.")
    ],
    "kl_items": Annotated[
        int, _how(min=0, help="Compare whole distributions on N items; 0 for none.")
    ],
}
"""Each field of ``Options`` as an option, named like it, in the order of the help pages."""

HARNESS = ("lm_eval_task", "lm_eval_include")
"""Options of commands that evaluate files, whatever has been published of them."""

# Commands keep scores, functions only if they are told where.
_DEFAULTS = {each.name: each.default for each in fields(Options)} | {
    "devices": None,
    "store": DEFAULT_STORE,
}


def takes_options(*, without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Give a command an option for each field of ``Options``, in the place of its ``options``.

    Args:
        without: Fields that have their defaults.
    """
    wanted = {name: each for name, each in _ANNOTATIONS.items() if name not in without}
    return taking("options", wanted, _DEFAULTS, _options)


def taking(
    place: str,
    annotations: Mapping[str, Any],
    defaults: Mapping[str, Any],
    made: Callable[[dict[str, Any]], Any],
) -> Callable[[Command], Command]:
    """Give a command several options in the place of one parameter.

    Args:
        place: The parameter.
        annotations: The options by name, as typer reads them.
        defaults: Their defaults by name.
        made: Makes what the parameter gets of the options' values by name.
    """
    added = [
        inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=annotation
        )
        for name, annotation in annotations.items()
    ]

    def with_options(command: Command) -> Command:
        @functools.wraps(command)
        def called(**given: Any) -> None:
            values = {each.name: given.pop(each.name) for each in added}
            command(**given, **{place: made(values)})

        parameters: list[inspect.Parameter] = []
        for each in inspect.signature(command, eval_str=True).parameters.values():
            own = each.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            parameters += added if each.name == place else [own]
        # What typer reads.
        called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {each.name: each.annotation for each in parameters}
        return called

    return with_options


def _options(values: dict[str, Any]) -> Options:
    plain = {
        name: value.value if isinstance(value, Enum) else value for name, value in values.items()
    }
    return Options(**plain)
