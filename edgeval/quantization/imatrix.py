"""Importance matrix of a text: llama-imatrix's, made by the llama.cpp that edgeval runs on."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from pathlib import Path

from edgeval.engine import ImatrixPlan, running
from edgeval.errors import DataError, EdgevalError
from edgeval.gguf import imatrix_file
from edgeval.gguf.imatrix_file import Importances
from edgeval.gguf.parts import model_files, unchanged
from edgeval.gguf.remarks import pre_sentence
from edgeval.llama.machine import physical_cores
from edgeval.system.files import refuse_existing
from edgeval.system.progress import Progress, ProgressOption, progress_of
from edgeval.tasks.readers import read_bytes

CHUNK_TOKENS = 512


def imatrix(
    model: str | Path,
    data: str | Path,
    out: str | Path,
    *,
    chunk_tokens: int = CHUNK_TOKENS,
    chunks: int | None = None,
    pre: str | None = None,
    threads: int | None = None,
    progress: ProgressOption = "auto",
) -> Path:
    """Compute an importance matrix: how large the inputs of each column of a model's tensors are.

    The text is cut into chunks as llama.cpp's tools/imatrix cuts it: the first token of each gives
    way to the BOS if the model's texts start with one, and what is left at the end is not used.

    Args:
        model: A GGUF, as a rule the F16 one that is to be quantized.
        data: A text file in UTF-8.
        out: The importance matrix to write, in llama.cpp's GGUF format; must not exist.
        chunk_tokens: Tokens of a chunk.
        chunks: Read at most so many chunks; None for all.
        pre: The pre-tokenizer to use instead of the model's own, a name of llama.cpp's.
        threads: CPU threads; by default one a physical core.
        progress: Where to show progress; None for nowhere.

    Returns:
        ``out``.

    Raises:
        DataError: If the text is not UTF-8, or too short.
        EngineError: If llama.cpp refuses the model.
        ChangedFileError: If the model changes meanwhile.
        EdgevalError: If ``out`` exists or cannot be written.
    """
    if chunk_tokens < 1 or (chunks is not None and chunks < 1):
        raise EdgevalError("--context and --chunks count from 1; use larger numbers")
    data, out = Path(data), Path(out)
    refuse_existing(out)
    text = _text(data)
    bars = progress_of(progress)
    model = model_files(Path(model))[0]
    with unchanged(model, "its importance matrix was computed"), running() as engine:
        if (found := engine.info(model, pre).pre_tokenizer) is not None:
            bars.log(f"{model.name}: {pre_sentence(found)}")
        answers = engine.imatrix(
            model, text, str(data), chunk_tokens, chunks, threads or physical_cores(), pre
        )
        entries, n_chunks = _computed(answers, model, chunk_tokens, bars)
    if not entries:
        raise EdgevalError(
            f"{model} has no product of a block's tensor with {chunk_tokens:,} tokens to look at; "
            "use a larger --context"
        )
    imatrix_file.write(
        out, entries, dataset=data.name, n_chunks=n_chunks, chunk_tokens=chunk_tokens
    )
    return out


def _computed(
    answers: Generator[ImatrixPlan | int | dict[str, Importances], None, None],
    model: Path,
    chunk_tokens: int,
    progress: Progress,
) -> tuple[Mapping[str, Importances], int]:
    """Return what tensors have seen, and of how many chunks."""
    with contextlib.closing(answers):
        plan = next(answers)
        assert isinstance(plan, ImatrixPlan)
        if chunk_tokens > plan.window:
            progress.log(
                f"{model.name} was trained on {plan.window:,} tokens, fewer than a chunk has"
            )
        seen: Mapping[str, Importances] = {}
        with progress.task("importance matrix", plan.n_chunks, "chunks") as task:
            for answer in answers:
                if isinstance(answer, int):
                    task.advance(answer)
                elif isinstance(answer, dict):
                    seen = answer
    return seen, plan.n_chunks


def _text(path: Path) -> str:
    """Return a text as llama.cpp's tools read it: a byte order mark is a part of it."""
    try:
        text = read_bytes(path).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 at byte {error.start:,}; save it as UTF-8 text"
        ) from error
    # They take the last line break of a file as its end.
    return text.removesuffix("\n")
