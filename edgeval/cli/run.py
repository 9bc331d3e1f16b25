"""Command that evaluates a model's ladder and reports it."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from edgeval.cli.app import command_line, engine_starting, progress_bars, typed
from edgeval.cli.forecasts import Yes, confirming
from edgeval.cli.options import WHAT, Json, WithPaths, names, takes_options
from edgeval.cli.outputs import Outputs, Samples, Texts, end, takes_outputs
from edgeval.cli.watch import WatchWanted, watching
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import DEFAULT_LADDER, Options
from edgeval.system.console import print_json, stderr_console
from edgeval.system.streams import OutputError, flush


class BaseType(str, Enum):
    """What a checkpoint is converted to before it is quantized."""

    f16 = "f16"
    bf16 = "bf16"
    f32 = "f32"


def claim_texts(given: list[str] | None) -> list[str] | None:
    """Return the claims that were typed, if all of them are understood."""
    from edgeval.checkpoints.claim_text import parsed

    for text in given or ():
        try:
            parsed(text)
        except EdgevalError as error:
            raise typer.BadParameter(str(error)) from error
    return given


@takes_outputs()
@takes_options()
def run(
    context: typer.Context,
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
        typer.Option(
            "--quant",
            metavar="TYPE,...",
            help="File types; of ready files, which of them. The most precise is the reference.",
            show_default=f"{','.join(DEFAULT_LADDER)}; all ready files",
            rich_help_panel=WHAT,
        ),
    ] = None,
    dtype: Annotated[
        BaseType | None,
        typer.Option(
            "--dtype",
            case_sensitive=False,
            help="What a checkpoint is converted to before it is quantized.",
            show_default="the most precise type of --quant, or f16",
            rich_help_panel=WHAT,
        ),
    ] = None,
    imatrix: Annotated[
        Path | None,
        typer.Option(
            "--imatrix",
            metavar="FILE",
            help="Importance matrix: what it changes is evaluated without it and with it.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            help="Compare with a file of edgeval reference export, whose type is not evaluated; a "
            "type; or, for ready files, a GGUF or their model's repository.",
            show_default="the most precise type",
            rich_help_panel=WHAT,
        ),
    ] = None,
    force_compare: Annotated[
        bool,
        typer.Option(
            "--force-compare",
            help="Compare ready files that are not shown to be of one model.",
            rich_help_panel=WHAT,
        ),
    ] = False,
    card: Annotated[
        str | None,
        typer.Option(
            "--card",
            metavar="CARD",
            help="Judge by the published numbers of this card: its name, or its .toml file.",
            show_default="the model's own, if it has one",
            rich_help_panel=WHAT,
        ),
    ] = None,
    claims: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            callback=claim_texts,
            metavar='"TASK METRIC NUMBER SOURCE"',
            help="Judge by one more published number, before which N-shot, a protocol and "
            "these-items may stand.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    *,
    options: Options,
    outputs: Outputs,
    samples: Samples = None,
    texts: Texts = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of the report.", show_default="edgeval-results/MODEL-TIME"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the report that --out holds.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Make the files, try them for 20 seconds, print what the run would take, and "
            "stop.",
        ),
    ] = False,
    watch: WatchWanted = False,
    yes: Yes = False,
    with_paths: WithPaths = False,
    as_json: Json = False,
) -> None:
    """Convert, quantize and evaluate a model, and report the drift and the verdict.

    Several GGUFs, or a folder of them, are a ladder that is ready: they are evaluated as they are.

    Exit code 0: all is well. 1: an error, or a type failed. 2: wrong usage. 3: a condition of
    --fail-if is broken. 4: none is broken, and one is open. 130: interrupted.
    """
    outputs.require_usable(samples)
    chosen = models or ["demo"]
    ladder: dict[str, Any] = {
        "types": None if quant is None else names(quant),
        "imatrix": imatrix,
        "reference": reference,
        "dtype": None if dtype is None else dtype.value,
        "force_compare": force_compare,
    }
    if dry_run and watch:
        raise typer.BadParameter("--dry-run scores nothing to be watched", param_hint="--watch")
    if dry_run:
        _print_forecast(chosen, options, ladder, command_line(with_paths), as_json)
        return
    with engine_starting():
        from edgeval.cli.terminal.report import print_files, print_record
        from edgeval.evaluation import pipeline

        with progress_bars() as progress:
            # The folder is held until all is shown: who is killed before may run the same again.
            folder = context.with_resource(
                pipeline.report_folder(chosen, out, typed(), overwrite=overwrite, progress=progress)
            )
            watched = context.with_resource(watching(progress, is_wanted=watch))
            record, _ = pipeline.run(
                chosen,
                options,
                **ladder,
                card=card,
                claims=claims or (),
                out=folder,
                samples=samples,
                texts=texts,
                fail_if=outputs.conditions,
                command=command_line(with_paths),
                confirm=confirming(progress, asks=not yes),
                observer=watched.observer,
                progress=watched.progress,
            )
    watched.end_with(record, folder)
    kept = f"the report is whole, in {folder}"
    try:
        found = outputs.write(record)
        if as_json:
            print_json(record.model_dump_json(indent=2))
            print_files(folder, stderr_console())
        else:
            print_record(record)
            print_files(folder)
        flush()
    except OutputError as error:
        raise error.keeping(kept) from error
    except EdgevalError as error:
        raise EdgevalError(f"{error}; {kept}") from error
    end(found, record.failures, is_quiet=as_json)


def _print_forecast(
    chosen: list[str], options: Options, ladder: dict[str, Any], command: str, as_json: bool
) -> None:
    with engine_starting():
        from edgeval.cli.terminal.forecast import print_forecast
        from edgeval.evaluation import pipeline

        with progress_bars() as progress:
            found = pipeline.forecast(chosen, options, **ladder, command=command, progress=progress)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        print_forecast(found)
