"""Command that evaluates GGUF files as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import engine_starting, progress_bars
from edgeval.cli.forecasts import Yes, confirming
from edgeval.cli.options import Json, takes_options
from edgeval.cli.outputs import TABLES, Outputs, Samples, Texts, end, takes_outputs
from edgeval.cli.watch import WatchWanted, watching
from edgeval.evaluation.options import Options
from edgeval.system.console import print_json


@takes_outputs(only=TABLES)
# What is beside a reference: there is none.
@takes_options(without=("margin", "kl_items"))
def evaluate(
    context: typer.Context,
    ggufs: Annotated[list[Path], typer.Argument(metavar="GGUF...", help="Files to evaluate.")],
    *,
    options: Options,
    outputs: Outputs,
    samples: Samples = None,
    texts: Texts = False,
    watch: WatchWanted = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Evaluate GGUF files as they are."""
    outputs.require_usable(samples)
    with engine_starting():
        from edgeval.cli.terminal.report import print_evaluation
        from edgeval.evaluation.evaluate import evaluate as evaluate_files

        with progress_bars() as progress:
            watched = context.with_resource(watching(progress, is_wanted=watch))
            result = evaluate_files(
                ggufs,
                options,
                samples=samples,
                texts=texts,
                confirm=confirming(progress, asks=not yes),
                observer=watched.observer,
                progress=watched.progress,
            )
    watched.end()
    outputs.write(result)
    if as_json:
        print_json(result.model_dump_json(indent=2))
    else:
        print_evaluation(result)
    end(None, result.failures, is_quiet=as_json)
