"""GGUF to GGUF at another type, with llama.cpp's quantizer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from edgeval import llama
from edgeval.device import physical_cores
from edgeval.errors import EdgevalError
from edgeval.files import refuse_existing, replacing
from edgeval.progress import NoProgress, Progress
from edgeval.records import UNQUANTIZED

_TENSOR_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")


def quantize(
    source: Path,
    types: Sequence[str],
    out_dir: Path | None = None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Quantize a GGUF to several types.

    Args:
        source: An F32, F16 or BF16 GGUF.
        types: llama.cpp's names, for example ``Q4_K_M``; case does not matter.
        out_dir: Where to write; by default beside the source.
        threads: CPU threads; by default one a physical core.
        progress: Where to show progress.

    Returns:
        The files made, in the order of ``types``, named ``SOURCE-TYPE.gguf``.

    Raises:
        EngineError: If a type is unknown, or llama.cpp refuses the file.
        EdgevalError: If the source is quantized already, or a target exists.
    """
    names = [llama.file_type(name) for name in types]
    with llama.Vocabulary(source) as vocabulary:
        found = vocabulary.file_type
    if found not in UNQUANTIZED:
        raise EdgevalError(
            f"{source} is {found} already, and quantizing it again would measure two losses at "
            "once; start from an F16 GGUF or the checkpoint"
        )
    stem = re.sub(rf"[-.]{found}$", "", source.stem, flags=re.IGNORECASE)
    targets = [(out_dir or source.parent) / f"{stem}-{name}.gguf" for name in names]
    for target in targets:
        refuse_existing(target)
    for name, target in zip(names, targets, strict=True):
        quantize_to(source, target, name, threads=threads, progress=progress)
    return targets


def quantize_to(
    source: Path,
    target: Path,
    name: str,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Quantize one GGUF to one type; ``name`` is a canonical name of ``llama.file_types()``."""
    bars = progress or NoProgress()
    # No type is larger than the source; how much smaller is only known afterwards.
    with (
        replacing(target, source.stat().st_size) as temporary,
        bars.task(f"quantize to {name}", None, "tensors") as task,
    ):
        done = 0

        def on_line(line: str) -> None:
            nonlocal done
            if match := _TENSOR_LINE.match(line):
                current, total = int(match[1]), int(match[2])
                task.resize(total)
                task.advance(current - done)
                done = current

        llama.quantize_file(source, temporary, name, threads or physical_cores(), on_line)
