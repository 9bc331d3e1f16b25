"""Command that times how fast this machine computes models."""

from __future__ import annotations

import functools
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval.cli.app import command_line, engine_starting, progress_bars
from edgeval.cli.options import (
    HOW,
    WHAT,
    BackendOption,
    Json,
    KernelsWanted,
    StoreOption,
    WithPaths,
    names,
)
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.system.console import print_json, say

_what = functools.partial(typer.Option, rich_help_panel=WHAT)
_how = functools.partial(typer.Option, rich_help_panel=HOW)


class Format(str, Enum):
    """A format of llama-bench."""

    md = "md"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    sql = "sql"


class Recipe(str, Enum):
    """A fixed set of tests that others publish the results of."""

    ai_benchmarks = "ai-benchmarks"


def counts(given: str | None) -> Any:
    """Return the numbers in a list that commas separate."""
    return None if given is None else [_count(each) for each in names(given)]


def thread_counts(given: str | None) -> Any:
    """Return the numbers in a list, in which ``auto`` may be one."""
    words = names(given)
    return [each.casefold() if each.casefold() == "auto" else _count(each) for each in words]


def pairs(given: list[str] | None) -> Any:
    """Return pairs of numbers, each separated by a comma."""
    found = [[_count(each) for each in names(text)] for text in given or ()]
    if any(len(each) != 2 for each in found):
        raise typer.BadParameter("two numbers are needed, as in 4096,128")
    return found


def duration(text: str) -> float:
    """Return the seconds that a time means."""
    from edgeval.benchmark.options import seconds

    try:
        return seconds(text)
    except EdgevalError as error:
        raise typer.BadParameter(str(error)) from error


def money(text: str) -> Any:
    """Return the price that a text means."""
    from edgeval.benchmark.price import price_of

    try:
        return price_of(text)
    except EdgevalError as error:
        raise typer.BadParameter(str(error)) from error


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise typer.BadParameter(f"{text!r} is no number; give whole numbers, with commas")
    return int(text)


def bench(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="MODEL",
            help="Card name, hub repository or checkpoint directory; or .gguf files, or folders of "
            "them.",
            show_default="demo",
        ),
    ] = None,
    quant: Annotated[
        str | None,
        _what(
            metavar="TYPE,...", help="File types to make of a checkpoint.", show_default="ladder"
        ),
    ] = None,
    pp: Annotated[
        str | None,
        _what(metavar="N,...", callback=counts, help="Tokens of prompts.", show_default="512"),
    ] = None,
    tg: Annotated[
        str | None,
        _what(metavar="N,...", callback=counts, help="Tokens generated.", show_default="128"),
    ] = None,
    pg: Annotated[
        list[str] | None,
        _what(
            metavar="PP,TG", callback=pairs, help="A prompt, and tokens behind it; may be repeated."
        ),
    ] = None,
    depth: Annotated[
        str,
        _what(metavar="N,...", callback=counts, help="Tokens in the cache before."),
    ] = "0",
    items: Annotated[int, _what(min=0, help="Multiple-choice items to score; 0 for none.")] = 16,
    store: StoreOption = DEFAULT_STORE,
    data: Annotated[
        Path | None,
        _how(
            metavar="FILE",
            help="Local data set that the scores in the store are of, to show how accurate the "
            "files are.",
            show_default="what is cached",
        ),
    ] = None,
    recipe: Annotated[
        Recipe | None, _what(help="Tests that others publish: pp512, pp4096, tg128, pg4096,128.")
    ] = None,
    sustain: Annotated[
        float | None,
        _what(
            parser=duration,
            metavar="TIME",
            help="Keep the machine busy for 10m, 90s or 1h, and watch its speed and heat.",
        ),
    ] = None,
    cool_to: Annotated[
        float | None,
        _what(metavar="CELSIUS", help="Wait for this temperature before --sustain."),
    ] = None,
    cooling: Annotated[
        str | None, _how(metavar="TEXT", help="What cools the machine, for the record.")
    ] = None,
    watts: Annotated[
        float | None, _how(metavar="WATTS", help="Power that a meter shows meanwhile.")
    ] = None,
    watts_command: Annotated[
        str | None,
        _how(metavar="COMMAND", help="Command whose last line has the power, asked each second."),
    ] = None,
    price: Annotated[
        Any,
        _how(parser=money, metavar="PRICE", help='What the machine costs, as in "80 USD".'),
    ] = None,
    repetitions: Annotated[
        int | None, _how("--repetitions", "-r", min=1, help="Times of each.", show_default="5")
    ] = None,
    warm_up: Annotated[bool, _how("--warm-up/--no-warm-up", help="Decode once, untimed.")] = True,
    threads: Annotated[
        str,
        _how(metavar="N,...", callback=thread_counts, help="CPU threads; auto: physical cores."),
    ] = "auto",
    backend: BackendOption = "auto",
    devices: Annotated[
        str | None,
        _how(
            callback=names,
            metavar="NAME,...",
            help="GPUs to use, as edgeval doctor lists them.",
            show_default="as many as needed",
        ),
    ] = None,
    gpu_layers: Annotated[
        int | None, _how(min=0, help="Layers to compute on GPUs.", show_default="as many as fit")
    ] = None,
    kernels: Annotated[KernelsWanted, _how(help="Which CPU kernels of llama.cpp compute.")] = (
        KernelsWanted.auto
    ),
    force: Annotated[
        bool, _how("--force", help="Load models that do not fit the memory free now.")
    ] = False,
    offline: Annotated[bool, _how("--offline", help="Use only what is cached.")] = False,
    output: Annotated[
        Format | None,
        typer.Option("--output", "-o", help="Print as llama-bench does, instead of tables."),
    ] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FILE", help="Write the record, a .json.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file of --save.")
    ] = False,
    with_paths: WithPaths = False,
    as_json: Json = False,
) -> None:
    """Time how fast this machine computes models: prompts, generation, loading and scoring.

    What llama-bench times is timed as it does: the mean of repetitions after a warm-up, and their
    standard deviation.
    """
    if output is not None and as_json:
        raise EdgevalError("--output and --json print two formats; leave one of them out")
    # Releases of typer differ in what an option is that may be repeated, and was not given.
    own = [*(each for each in (pp, tg, repetitions) if each is not None), *(pg or ())]
    if recipe is not None and own:
        raise EdgevalError(
            f"--recipe {recipe.value} has its own tests; leave out --pp, --tg, --pg and "
            "--repetitions"
        )
    if save is not None and save.exists() and not overwrite:
        raise EdgevalError(f"{save} exists already; name another file, or add --overwrite")
    with engine_starting():
        from edgeval.benchmark.bench import bench as measured
        from edgeval.benchmark.formats import FORMATS
        from edgeval.benchmark.options import AI_BENCHMARKS, BenchOptions
        from edgeval.benchmark.recipe_page import recipe_page
        from edgeval.cli.terminal.bench import print_bench
        from edgeval.doctor.installed import build_advice
        from edgeval.system.files import write_text

        asked: dict[str, Any] = {"prompts": pp, "generated": tg, "repetitions": repetitions}
        if pg and pp is None and tg is None:
            asked |= {"prompts": (), "generated": ()}
        tests = {name: each for name, each in asked.items() if each is not None}
        options = BenchOptions(
            **(tests | {"both": pg or ()} if recipe is None else AI_BENCHMARKS),
            depths=depth,  # type: ignore[arg-type]  # Its callback has made numbers of it.
            threads=threads,
            warms_up=warm_up,
            scored_items=items,
            types=None if quant is None else names(quant),
            backend=backend,
            devices=devices or (),  # type: ignore[arg-type]
            gpu_layers=gpu_layers,
            kernels=kernels.value,
            force=force,
            offline=offline,
            sustain_s=sustain or 0.0,
            cool_to_c=cool_to,
            cooling=cooling,
            watts=watts,
            watts_command=watts_command,
            price=price,
            store=store,
            data=data,
        )
        with progress_bars() as progress:
            found = measured(
                models or ["demo"], options, command=command_line(with_paths), progress=progress
            )
        advice = [] if as_json or output is not None else build_advice()
    text = found.model_dump_json(indent=2)
    if save is not None:
        write_text(save, text + "\n")
    if as_json:
        print_json(text)
    elif output is not None:
        # What is pasted where a recipe's results are is a page.
        is_page = recipe is not None and output is Format.md
        shown = recipe_page if is_page else FORMATS[output.value]
        for line in shown(found).splitlines():
            say(line)
    else:
        print_bench(found, advice)
