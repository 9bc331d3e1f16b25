"""Command that puts records of several machines, or samples of several models, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.options import Json
from edgeval.errors import EdgevalError, listed
from edgeval.system.console import print_json

_SAMPLES = "Samples of lm-evaluation-harness"
_PAGES, _BOARDS = "compare", "boards"


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="RECORD", help="What the others are compared with.")
    ],
    others: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RECORD...",
            help="report.json, or its folder, or what edgeval eval --json printed; or what edgeval "
            "bench --save wrote, of which one is enough.",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            "--margin", metavar="POINTS", help="Two accuracies this close are called equivalent."
        ),
    ] = 1.0,
    task: Annotated[
        str | None,
        typer.Option("--task", help="The task to compare, where records have several."),
    ] = None,
    lm_eval: Annotated[
        bool,
        typer.Option(
            "--lm-eval",
            help="Compare two models item by item: name samples_TASK_DATE.jsonl of lm_eval "
            "--log_samples, or folders of them.",
            rich_help_panel=_SAMPLES,
        ),
    ] = False,
    any_prompt: Annotated[
        bool,
        typer.Option(
            "--any-prompt",
            help="Items are the same whose documents are, whatever shots or chat template.",
            rich_help_panel=_SAMPLES,
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write compare.html, and compare.md with a picture, to this folder; of "
            "benchmarks, boards.html and boards.md.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the pages that --out holds.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Put saved records of several machines side by side.

    Right items have to agree within what rounding explains; speed may differ. Each type is
    shown beside its own machine's reference, too. With --out, a page is a leaderboard of all
    runs, also of unlike models. Benchmarks become a table of boards. With --lm-eval, samples
    that lm-evaluation-harness logged are compared in pairs.
    """
    if any_prompt and not lm_eval:
        raise typer.BadParameter("it is of samples; give --lm-eval too", param_hint="--any-prompt")
    if lm_eval and task is not None:
        raise typer.BadParameter(
            "it is of records; name the samples of the task instead", param_hint="--task"
        )
    paths = [first, *(others or ())]
    if lm_eval and out is not None:
        raise typer.BadParameter("it is of records, not of samples", param_hint="--out")
    if not lm_eval and _is_bench(first):
        if task is not None:
            raise typer.BadParameter("benchmarks have no tasks", param_hint="--task")
        _compare_boards(paths, out, overwrite=overwrite, as_json=as_json)
        return
    if not others:
        raise typer.BadParameter("name a second one to compare with", param_hint="RECORD")
    if lm_eval:
        _compare_samples(paths, margin, any_prompt=any_prompt, as_json=as_json)
        return
    _compare_records(paths, margin, task, out, overwrite=overwrite, as_json=as_json)


def _is_bench(path: Path) -> bool:
    from edgeval.benchmark.boards import is_bench

    return is_bench(path)


def _compare_records(
    paths: list[Path],
    margin: float,
    task: str | None,
    out: Path | None,
    *,
    overwrite: bool,
    as_json: bool,
) -> None:
    from edgeval.cli.terminal.comparison import print_comparison
    from edgeval.cli.terminal.pages import print_pages
    from edgeval.report.compare.compare import require_agreement, require_within_rounding
    from edgeval.report.compare.tasks import compare_tasks
    from edgeval.report.page_files import file_names, require_new
    from edgeval.system.console import stdout_console

    if out is not None and not overwrite:
        require_new(out, file_names(_PAGES))
    found = compare_tasks(paths, margin, task)
    comparisons = found.comparisons
    if as_json and len(comparisons) > 1:
        tasks = listed([each.machines[0].data.task for each in comparisons])
        raise EdgevalError(f"these records have several tasks ({tasks}); name one with --task")
    if out is not None:
        from edgeval.report.compare.pages import write_comparison

        pages = write_comparison(found, out, _PAGES)
    if as_json:
        print_json(comparisons[0].model_dump_json(indent=2))
    else:
        for each in comparisons:
            print_comparison(each)
        if found.left_out:
            stdout_console().print(found.left_out)
    if out is not None:
        print_pages(out, pages, beside_json=as_json)
    # A page may put unlike models side by side, of which nothing has to agree.
    require = require_agreement if out is None else require_within_rounding
    for each in comparisons:
        require(each)


def _compare_boards(paths: list[Path], out: Path | None, *, overwrite: bool, as_json: bool) -> None:
    from edgeval.benchmark.board_pages import write_boards
    from edgeval.benchmark.boards import board_tables
    from edgeval.cli.terminal.boards import boards_json, print_boards
    from edgeval.cli.terminal.pages import print_pages
    from edgeval.report.page_files import file_names, require_new

    if out is not None and not overwrite:
        require_new(out, file_names(_BOARDS))
    found = board_tables(paths)
    if out is not None:
        pages = write_boards(found, out, _BOARDS)
    if as_json:
        print_json(boards_json(found))
    else:
        print_boards(found)
    if out is not None:
        print_pages(out, pages, beside_json=as_json)


def _compare_samples(paths: list[Path], margin: float, *, any_prompt: bool, as_json: bool) -> None:
    from edgeval.cli.terminal.samples import print_samples
    from edgeval.report.samples.compare import compare_samples

    found = compare_samples(paths, margin_points=margin, any_prompt=any_prompt)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_samples(found)
