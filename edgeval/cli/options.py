"""Options that several commands have."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

STORE = Path("edgeval-results") / "edgeval.db"
LADDER = "F16,Q8_0,Q6_K,Q5_K_M,Q4_K_M,Q4_0,Q3_K_M,Q2_K"
WHAT, HOW = "What is evaluated", "How it is computed"


class Order(str, Enum):
    """In which order items are taken from the data."""

    random = "random"
    file = "file"


class DataType(str, Enum):
    """What a checkpoint's matrices are converted to."""

    f16 = "f16"
    bf16 = "bf16"
    f32 = "f32"
    q8_0 = "q8_0"


def expanded(path: Path) -> Path:
    """Return a path of the environment with the home folder for ``~``."""
    return path.expanduser()


class BaseType(str, Enum):
    """What a checkpoint is converted to before it is quantized."""

    f16 = "f16"
    bf16 = "bf16"
    f32 = "f32"


def folded(name: str | None) -> str | None:
    """Return a name of edgeval's own in the case that it is known by."""
    return None if name is None else name.casefold()


Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="Local items: .jsonl, .json or .parquet in the hub's schema, or llama.cpp's .txt.",
        show_default="Rowan/hellaswag",
        rich_help_panel=WHAT,
    ),
]
ProtocolName = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        callback=folded,
        help="lm-eval, lm-eval-bos or llama.cpp; see edgeval protocols.",
        show_default="lm-eval; llama.cpp for .txt",
        rich_help_panel=WHAT,
    ),
]
Shots = Annotated[
    int,
    typer.Option(
        "--shots", min=0, help="Show N solved items before each item.", rich_help_panel=WHAT
    ),
]
ShotsData = Annotated[
    Path | None,
    typer.Option(
        "--shots-data",
        help="Local items to draw the shots from.",
        show_default="Rowan/hellaswag's train split",
        rich_help_panel=WHAT,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Evaluate a slice of N items.", rich_help_panel=WHAT),
]
Until = Annotated[
    float | None,
    typer.Option(
        "--until",
        metavar="POINTS",
        help="Stop as soon as what is asked is decided to POINTS, with intervals that allow it.",
        rich_help_panel=WHAT,
    ),
]
Margin = Annotated[
    float | None,
    typer.Option(
        "--margin",
        metavar="POINTS",
        help="Two accuracies this close are called equivalent.",
        show_default="what --until says, or 1",
        rich_help_panel=WHAT,
    ),
]
OrderOption = Annotated[
    Order,
    typer.Option(
        "--order",
        case_sensitive=False,
        help="random: a seeded slice, stratified by group; file: the first N.",
        rich_help_panel=WHAT,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of the random order.", rich_help_panel=WHAT)
]
BackendOption = Annotated[
    str,
    typer.Option(
        "--backend", callback=folded, help="auto, cpu, metal or cuda.", rich_help_panel=HOW
    ),
]
Devices = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME,...",
        help="GPUs to use, as edgeval doctor lists them.",
        show_default="as many as needed",
        rich_help_panel=HOW,
    ),
]
GpuLayers = Annotated[
    int | None,
    typer.Option(
        "--gpu-layers",
        min=0,
        help="Layers to compute on GPUs.",
        show_default="as many as fit",
        rich_help_panel=HOW,
    ),
]


class KernelsWanted(str, Enum):
    """Which of llama.cpp's kernels compute on the CPU."""

    auto = "auto"
    default = "default"
    plain = "plain"


KernelsOption = Annotated[
    KernelsWanted,
    typer.Option(
        "--kernels",
        case_sensitive=False,
        help="On the CPU: the faster sound ones, llama.cpp's default, or those without repacking.",
        rich_help_panel=HOW,
    ),
]
NoCheck = Annotated[
    bool,
    typer.Option(
        "--no-check",
        help="Trust a GPU, and the CPU's kernels, without checking them.",
        rich_help_panel=HOW,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads",
        min=1,
        help="CPU threads.",
        show_default="physical cores",
        rich_help_panel=HOW,
    ),
]
BatchTokens = Annotated[
    int | None,
    typer.Option(
        "--batch",
        min=1,
        help="Tokens a batch; smaller ones take less memory and decode more tokens in all.",
        show_default="1024; 256 for F32",
        rich_help_panel=HOW,
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Load a model that does not fit.", rich_help_panel=HOW),
]
Offline = Annotated[
    bool, typer.Option("--offline", help="Never touch the network.", rich_help_panel=HOW)
]


def _store(panel: str | None = None) -> Any:
    return typer.Option(
        "--store",
        envvar="EDGEVAL_STORE",
        callback=expanded,
        help="File that scores are kept in.",
        rich_help_panel=panel,
    )


StoreOption = Annotated[Path, _store(HOW)]
StoreFile = Annotated[Path, _store()]
Fresh = Annotated[
    bool,
    typer.Option(
        "--fresh", help="Score again what the store holds; it keeps both.", rich_help_panel=HOW
    ),
]
KlItems = Annotated[
    int,
    typer.Option(
        "--kl-items",
        min=0,
        help="Compare whole distributions on N items; 0 for none.",
        rich_help_panel=HOW,
    ),
]
Pre = Annotated[
    str | None,
    typer.Option(
        "--pre",
        metavar="NAME",
        help="Pre-tokenizer of a GGUF that names none or a wrong one, as llama.cpp calls it.",
        show_default="what the GGUF says",
        rich_help_panel=WHAT,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def device_names(given: str | None) -> tuple[str, ...]:
    """Return the names in a list that commas separate."""
    return tuple(name.strip() for name in (given or "").split(",") if name.strip())
