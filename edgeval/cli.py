"""The command line: parse, call one public function, render. No logic."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from edgeval import __version__
from edgeval.errors import EdgevalError, InterruptedRunError

if TYPE_CHECKING:
    from edgeval.console import TerminalProgress


class _Commands(TyperGroup):
    """Commands whose interruption is a sentence of ours rather than ``Aborted!``."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise InterruptedRunError from None


app = typer.Typer(
    name="edgeval",
    cls=_Commands,
    help="How far does each quantized GGUF stay from the fp16 model and the published number?",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_LADDER = "F16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,Q3_K_M,Q2_K"
_WHAT, _HOW = "What is evaluated", "How it is computed"


class _Order(str, Enum):
    random = "random"
    file = "file"


class _DataType(str, Enum):
    f16 = "f16"
    bf16 = "bf16"
    f32 = "f32"
    q8_0 = "q8_0"


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Local items: .jsonl, .json or .parquet in the hub's schema, or llama.cpp's .txt.",
        show_default="Rowan/hellaswag",
        rich_help_panel=_WHAT,
    ),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="lm-eval, lm-eval-bos or llama.cpp; see edgeval protocols.",
        show_default="lm-eval; llama.cpp for .txt",
        rich_help_panel=_WHAT,
    ),
]
Shots = Annotated[
    int,
    typer.Option(
        "--shots", min=0, help="Show N solved items before each item.", rich_help_panel=_WHAT
    ),
]
ShotsData = Annotated[
    Path | None,
    typer.Option(
        "--shots-data",
        help="Local items to draw the shots from.",
        show_default="Rowan/hellaswag's train split",
        rich_help_panel=_WHAT,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Evaluate a slice of N items.", rich_help_panel=_WHAT),
]
OrderOption = Annotated[
    _Order,
    typer.Option(
        "--order",
        help="random: a seeded slice, stratified by group; file: the first N.",
        rich_help_panel=_WHAT,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of the random order.", rich_help_panel=_WHAT)
]
Backend = Annotated[
    str,
    typer.Option("--backend", help="auto, cpu, metal or cuda.", rich_help_panel=_HOW),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads.",
        show_default="physical cores",
        rich_help_panel=_HOW,
    ),
]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        "--batch",
        min=1,
        help="Tokens a batch; smaller ones take less memory and decode more tokens in all.",
        show_default="1024; 256 for F32",
        rich_help_panel=_HOW,
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Load a model that does not fit.", rich_help_panel=_HOW),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never touch the network.", rich_help_panel=_HOW)
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"edgeval {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    pass


@app.command()
def run(
    model: Annotated[
        str,
        typer.Argument(help="Card name, hub repository, checkpoint directory or .gguf file."),
    ] = "demo",
    quant: Annotated[
        str,
        typer.Option("--quant", help="File types, the reference first.", rich_help_panel=_WHAT),
    ] = _LADDER,
    data: Data = None,
    protocol: ProtocolName = None,
    shots: Shots = 0,
    shots_data: ShotsData = None,
    limit: Limit = None,
    order: OrderOption = _Order.random,
    seed: Seed = 0,
    backend: Backend = "auto",
    threads: Threads = None,
    batch: BatchTokens = None,
    force: Force = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder of the report.", show_default="edgeval-results/MODEL-TIME"
        ),
    ] = None,
    offline: Offline = False,
) -> None:
    """Convert, quantize and evaluate a model, and report the drift and the verdict."""
    from edgeval import pipeline, terminal
    from edgeval.evaluate import Options

    options = Options(
        data=data,
        protocol=protocol,
        shots=shots,
        shots_data=shots_data,
        limit=limit,
        order=order.value,
        seed=seed,
        backend=backend,
        threads=threads,
        batch_tokens=batch,
        force=force,
        offline=offline,
    )
    with _progress() as progress:
        record, folder = pipeline.run(
            model,
            [name.strip() for name in quant.split(",") if name.strip()],
            options,
            out=out,
            command=_command_line(),
            progress=progress,
        )
    terminal.print_report(record)
    terminal.print_files(folder)


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="Checkpoint directory.")],
    target: Annotated[
        Path | None,
        typer.Argument(metavar="[OUT.gguf]", help="File to write.", show_default="SRC-DTYPE.gguf"),
    ] = None,
    dtype: Annotated[_DataType, typer.Option("--dtype", help="Type of the matrices.")] = (
        _DataType.f16
    ),
) -> None:
    """Convert a Hugging Face checkpoint directory to GGUF."""
    from edgeval.convert import convert as convert_checkpoint

    name = source.resolve().name
    with _progress() as progress:
        made = convert_checkpoint(
            source,
            target or Path(f"{name}-{dtype.value.upper()}.gguf"),
            dtype.value,
            progress=progress,
        )
    typer.echo(made)


@app.command()
def quantize(
    source: Annotated[Path, typer.Argument(metavar="IN.gguf", help="An F16, BF16 or F32 GGUF.")],
    types: Annotated[list[str], typer.Argument(metavar="TYPE...", help="For example Q4_K_M Q8_0.")],
    out_dir: Annotated[
        Path | None, typer.Option("--out-dir", help="Folder to write to.", show_default="IN's")
    ] = None,
    threads: Threads = None,
) -> None:
    """Quantize a GGUF to one or several types."""
    from edgeval.quantize import quantize as quantize_gguf

    with _progress() as progress:
        made = quantize_gguf(source, types, out_dir, threads=threads, progress=progress)
    for path in made:
        typer.echo(path)


@app.command(name="eval")
def evaluate(
    ggufs: Annotated[list[Path], typer.Argument(metavar="GGUF...", help="Files to evaluate.")],
    data: Data = None,
    protocol: ProtocolName = None,
    shots: Shots = 0,
    shots_data: ShotsData = None,
    limit: Limit = None,
    order: OrderOption = _Order.random,
    seed: Seed = 0,
    backend: Backend = "auto",
    threads: Threads = None,
    batch: BatchTokens = None,
    force: Force = False,
    offline: Offline = False,
    samples: Annotated[
        Path | None,
        typer.Option("--samples", help="Write each item's log-probabilities as JSON lines."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate GGUF files as they are."""
    from edgeval import terminal
    from edgeval.evaluate import Options
    from edgeval.evaluate import evaluate as evaluate_files

    options = Options(
        data=data,
        protocol=protocol,
        shots=shots,
        shots_data=shots_data,
        limit=limit,
        order=order.value,
        seed=seed,
        backend=backend,
        threads=threads,
        batch_tokens=batch,
        force=force,
        offline=offline,
    )
    with _progress() as progress:
        result = evaluate_files(ggufs, options, samples=samples, progress=progress)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        terminal.print_evaluation(result)


@app.command()
def models(as_json: Json = False) -> None:
    """List the model cards and their claims."""
    from edgeval import cards, terminal

    found = list(cards.cards().values())
    if as_json:
        typer.echo(terminal.cards_json(found))
    else:
        terminal.print_cards(found)


@app.command()
def protocols(as_json: Json = False) -> None:
    """List the protocols and the tools whose numbers they give."""
    from edgeval import terminal
    from edgeval.protocol import PROTOCOLS

    found = list(PROTOCOLS.values())
    if as_json:
        typer.echo(terminal.protocols_json(found))
    else:
        terminal.print_protocols(found)


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that holds report.json.")],
    as_json: Json = False,
) -> None:
    """Render a report again from its saved record."""
    from edgeval import report as reports
    from edgeval import terminal

    record = reports.load(folder)
    reports.render(record, folder)
    if as_json:
        typer.echo(record.model_dump_json(indent=2))
    else:
        terminal.print_report(record)
        terminal.print_files(folder)


def _progress() -> TerminalProgress:
    from edgeval.console import TerminalProgress, stderr_console

    return TerminalProgress(stderr_console())


def _command_line() -> str:
    return " ".join(["edgeval", *sys.argv[1:]])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line: errors are one sentence on stderr and exit code 1."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        app(given, prog_name="edgeval")
    except EdgevalError as error:
        _fail(str(error), debug="--debug" in given)
    except MemoryError:
        _fail("out of memory; use a smaller model, or close other programs", "--debug" in given)


def _fail(message: str, debug: bool) -> None:
    if debug:
        raise
    typer.echo(f"error: {message}", err=True)
    sys.exit(1)
