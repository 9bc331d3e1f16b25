"""An importance matrix from a text: llama-imatrix's, made by the llama.cpp that edgeval runs on."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np

from edgeval import importance, llama
from edgeval.device import physical_cores
from edgeval.errors import DataError, EdgevalError
from edgeval.files import refuse_existing
from edgeval.plan import Int32
from edgeval.progress import NoProgress, Progress

CHUNK_TOKENS = 512
_MIN_CHUNKS = 2


def imatrix(
    model: Path,
    data: Path,
    out: Path,
    *,
    chunk_tokens: int = CHUNK_TOKENS,
    chunks: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
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
        threads: CPU threads; by default one a physical core.
        progress: Where to show progress.

    Returns:
        ``out``.

    Raises:
        DataError: If the text is not UTF-8, or too short.
        EngineError: If llama.cpp refuses the model.
        EdgevalError: If ``out`` exists or cannot be written.
    """
    if chunk_tokens < 1 or (chunks is not None and chunks < 1):
        raise EdgevalError("--context and --chunks count from 1; use larger numbers")
    refuse_existing(out)
    text = _read_text(data)
    bars = progress or NoProgress()
    with llama.Vocabulary(model) as vocabulary:
        cut = _chunks(vocabulary, text, data, chunk_tokens)[:chunks]
        window = vocabulary.n_context_train
    if chunk_tokens > window:
        bars.log(f"{model.name} was trained on {window:,} tokens, fewer than a chunk has")
    with (
        llama.Model(model) as loaded,
        llama.Activations(loaded, chunk_tokens, threads or physical_cores()) as activations,
        bars.task("importance matrix", len(cut), "chunks") as task,
    ):
        _decode(activations, cut, task.advance)
        entries = activations.seen
    if not entries:
        raise EdgevalError(
            f"{model} has no product of a block's tensor with {chunk_tokens:,} tokens to look at; "
            "use a larger --context"
        )
    importance.write(out, entries, dataset=data.name, n_chunks=len(cut), chunk_tokens=chunk_tokens)
    return out


def _read_text(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(f"cannot read {path} ({error.strerror}); check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 at byte {error.start:,}; save it as UTF-8 text"
        ) from error
    # llama.cpp's tools take the last line break of a file as its end.
    return text.removesuffix("\n")


def _chunks(vocabulary: llama.Vocabulary, text: str, path: Path, chunk_tokens: int) -> Int32:
    """Return the text's chunks, shape (n_chunks, chunk_tokens), int32."""
    start = [] if vocabulary.bos is None else [vocabulary.bos]
    tokens = np.concatenate([np.array(start, np.int32), vocabulary.tokenize(text)])
    n_chunks = len(tokens) // chunk_tokens
    if n_chunks < _MIN_CHUNKS:
        raise DataError(
            f"{path} has {len(tokens):,} tokens, and an importance matrix needs {_MIN_CHUNKS} "
            f"chunks of {chunk_tokens:,}; bring a longer text or use a smaller --context"
        )
    cut: Int32 = tokens[: n_chunks * chunk_tokens].reshape(n_chunks, chunk_tokens)
    if vocabulary.bos is not None:
        cut[:, 0] = vocabulary.bos
    return cut


def _decode(
    activations: llama.Activations, chunks: Int32, on_chunks: Callable[[float], None]
) -> None:
    """Decode all chunks in a thread, because llama.cpp cannot be interrupted and Ctrl-C must be."""
    with ThreadPoolExecutor(1) as pool:
        try:
            for start in range(0, len(chunks), activations.n_sequences):
                part = chunks[start : start + activations.n_sequences]
                result = pool.submit(activations.decode, part)
                # To wait without a timeout would not be interrupted by Ctrl-C on Windows.
                while not wait([result], timeout=0.1).done:
                    pass
                result.result()
                on_chunks(len(part))
        except BaseException:
            activations.stop()
            raise
