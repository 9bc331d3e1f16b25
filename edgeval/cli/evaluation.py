"""Commands that evaluate, and show what was evaluated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgeval.cli.app import command_line, engine_starting, progress_bars, typed
from edgeval.cli.options import (
    LADDER,
    STORE,
    WHAT,
    BackendOption,
    BaseType,
    BatchTokens,
    Data,
    Devices,
    Force,
    Fresh,
    GpuLayers,
    Json,
    KernelsOption,
    KernelsWanted,
    KlItems,
    Limit,
    Margin,
    NoCheck,
    Offline,
    Order,
    OrderOption,
    Pre,
    ProtocolName,
    Seed,
    Shots,
    ShotsData,
    StoreOption,
    Threads,
    Until,
    device_names,
)
from edgeval.system.console import print_json
from edgeval.system.streams import OutputError, flush


def run(
    context: typer.Context,
    model: Annotated[
        str,
        typer.Argument(help="Card name, hub repository, checkpoint directory or .gguf file."),
    ] = "demo",
    quant: Annotated[
        str,
        typer.Option(
            "--quant",
            help="File types; the most precise one is the reference.",
            rich_help_panel=WHAT,
        ),
    ] = LADDER,
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
    margin: Margin = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            "--reference",
            metavar="FILE",
            help="Compare with a file of edgeval reference export; its type is not evaluated.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    data: Data = None,
    protocol: ProtocolName = None,
    shots: Shots = 0,
    shots_data: ShotsData = None,
    limit: Limit = None,
    until: Until = None,
    order: OrderOption = Order.random,
    seed: Seed = 0,
    pre: Pre = None,
    backend: BackendOption = "auto",
    device: Devices = None,
    gpu_layers: GpuLayers = None,
    kernels: KernelsOption = KernelsWanted.auto,
    no_check: NoCheck = False,
    threads: Threads = None,
    batch: BatchTokens = None,
    force: Force = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of the report.", show_default="edgeval-results/MODEL-TIME"
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the report that --out holds.")
    ] = False,
    offline: Offline = False,
    store: StoreOption = STORE,
    fresh: Fresh = False,
    kl_items: KlItems = 100,
) -> None:
    """Convert, quantize and evaluate a model, and report the drift and the verdict."""
    with engine_starting():
        from edgeval.cli.terminal import terminal
        from edgeval.evaluation import pipeline
        from edgeval.evaluation.failures import require_all
        from edgeval.evaluation.options import Options

        options = Options(
            data=data,
            protocol=protocol,
            shots=shots,
            shots_data=shots_data,
            limit=limit,
            until=until,
            margin=margin,
            order=order.value,
            seed=seed,
            backend=backend,
            devices=device_names(device),
            gpu_layers=gpu_layers,
            kernels=kernels.value,
            check=not no_check,
            threads=threads,
            batch_tokens=batch,
            force=force,
            offline=offline,
            store=store,
            fresh=fresh,
            kl_items=kl_items,
            pre=pre,
        )
        with progress_bars() as progress:
            # The folder is held until all is shown: who is killed before may run the same again.
            folder = context.with_resource(
                pipeline.report_folder(model, out, typed(), overwrite=overwrite, progress=progress)
            )
            record, _ = pipeline.run(
                model,
                [name.strip() for name in quant.split(",") if name.strip()],
                options,
                imatrix=imatrix,
                reference_file=reference,
                dtype=None if dtype is None else dtype.value,
                out=folder,
                command=command_line(),
                progress=progress,
            )
    try:
        terminal.print_report(record)
        terminal.print_files(folder)
        flush()
    except OutputError as error:
        raise error.keeping(f"the report is whole, in {folder}") from error
    require_all(record.failures)


def evaluate(
    ggufs: Annotated[list[Path], typer.Argument(metavar="GGUF...", help="Files to evaluate.")],
    data: Data = None,
    protocol: ProtocolName = None,
    shots: Shots = 0,
    shots_data: ShotsData = None,
    limit: Limit = None,
    until: Until = None,
    order: OrderOption = Order.random,
    seed: Seed = 0,
    pre: Pre = None,
    backend: BackendOption = "auto",
    device: Devices = None,
    gpu_layers: GpuLayers = None,
    kernels: KernelsOption = KernelsWanted.auto,
    no_check: NoCheck = False,
    threads: Threads = None,
    batch: BatchTokens = None,
    force: Force = False,
    offline: Offline = False,
    store: StoreOption = STORE,
    fresh: Fresh = False,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", help="Write each item's log-probabilities as JSON lines."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate GGUF files as they are."""
    with engine_starting():
        from edgeval.cli.terminal import terminal
        from edgeval.evaluation.evaluate import evaluate as evaluate_files
        from edgeval.evaluation.failures import require_all
        from edgeval.evaluation.options import Options

        options = Options(
            data=data,
            protocol=protocol,
            shots=shots,
            shots_data=shots_data,
            limit=limit,
            until=until,
            order=order.value,
            seed=seed,
            backend=backend,
            devices=device_names(device),
            gpu_layers=gpu_layers,
            kernels=kernels.value,
            check=not no_check,
            threads=threads,
            batch_tokens=batch,
            force=force,
            offline=offline,
            store=store,
            fresh=fresh,
            pre=pre,
        )
        with progress_bars() as progress:
            result = evaluate_files(ggufs, options, samples=samples, progress=progress)
    if as_json:
        print_json(result.model_dump_json(indent=2))
    else:
        terminal.print_evaluation(result)
    require_all(result.failures)


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds report.json.")],
    as_json: Json = False,
) -> None:
    """Render a report again from its saved record."""
    from edgeval.cli.terminal import terminal
    from edgeval.report import record_files as reports

    record = reports.load(folder)
    reports.render(record, folder)
    if as_json:
        terminal.print_corrections(record)
        print_json(record.model_dump_json(indent=2))
    else:
        terminal.print_report(record)
        terminal.print_files(folder)


def compare(
    first: Annotated[
        Path, typer.Argument(metavar="RECORD", help="What the others are compared with.")
    ],
    others: Annotated[
        list[Path],
        typer.Argument(
            metavar="RECORD...",
            help="report.json, or its folder, or what edgeval eval --json printed.",
        ),
    ],
    margin: Annotated[
        float,
        typer.Option(
            "--margin", metavar="POINTS", help="Two accuracies this close are called equivalent."
        ),
    ] = 1.0,
    as_json: Json = False,
) -> None:
    """Put saved records of several machines side by side.

    Right items have to agree within what rounding explains; speed may differ. Each type is
    shown beside its own machine's reference, too.
    """
    from edgeval.cli.terminal import terminal
    from edgeval.report.compare.compare import compare as compare_files
    from edgeval.report.compare.compare import require_agreement

    found = compare_files([first, *others], margin)
    if as_json:
        print_json(found.model_dump_json(indent=2))
    else:
        terminal.print_comparison(found)
    require_agreement(found)
