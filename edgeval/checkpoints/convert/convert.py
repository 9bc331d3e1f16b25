"""Checkpoint to GGUF: the same file that llama.cpp's convert_hf_to_gguf.py makes, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert import metadata, strays
from edgeval.checkpoints.convert.config import LlamaConfig, read_config
from edgeval.checkpoints.convert.tensors import Output, OutputType, outputs
from edgeval.checkpoints.convert.writer import opened_gguf, well_formed, write_tensors
from edgeval.checkpoints.tokenizer.proof import prove
from edgeval.checkpoints.tokenizer.tokenizer import TokenizerMetadata, read_tokenizer
from edgeval.engine import running
from edgeval.errors import ChangedFileError, EdgevalError
from edgeval.gguf.parts import read_header
from edgeval.system.files import FileState, file_state, refuse_existing, replacing
from edgeval.system.progress import ProgressOption, progress_of

__all__ = ["CONVERTER_VERSION", "OutputType", "convert"]

CONVERTER_VERSION = 3
"""Raised when the same checkpoint would become another file: cached files are not reused."""

_HEADER_BYTES = 16 * 1024 * 1024


def convert(
    source: str | Path,
    target: str | Path,
    dtype: OutputType = "f16",
    *,
    name: str | None = None,
    fingerprint: str | None = None,
    progress: ProgressOption = "auto",
) -> Path:
    """Convert a Hugging Face checkpoint directory to a GGUF file.

    Matrices become ``dtype``; vectors and norms are F32, as in llama.cpp's converter.

    Args:
        source: The checkpoint directory.
        target: The GGUF to write; must not exist.
        dtype: Type of the matrices.
        name: The model's name in the metadata; by default what the checkpoint calls itself.
        fingerprint: What the checkpoint's has to be; None for any.
        progress: Where to show progress; None for nowhere.

    Returns:
        ``target``.

    Raises:
        CheckpointError: If the checkpoint is damaged, its architecture is not converted, or
            llama.cpp would compute another model or give texts other tokens.
        ChangedFileError: If the checkpoint changes meanwhile, or has another fingerprint.
        EdgevalError: If the target exists or cannot be written.
    """
    source, target = Path(source), Path(target)
    refuse_existing(target)
    checkpoint = Checkpoint(source)
    states = _states(checkpoint)
    config = read_config(checkpoint)
    tensors = list(outputs(checkpoint, config, dtype))
    tokenizer = _proven(checkpoint, config)
    total = sum(output.nbytes for output in tensors)
    bars = progress_of(progress)
    left_out = strays.remarks(checkpoint.tensors.values())
    for remark in (*tokenizer.remarks, *left_out, *metadata.remarks(checkpoint)):
        bars.log(f"{source}: {remark}")
    with replacing(target, total + _HEADER_BYTES) as temporary:
        with (
            opened_gguf(temporary, checkpoint, config, tokenizer, tensors, dtype, name) as file,
            bars.task(f"convert to {dtype}", total, "bytes") as task,
        ):
            for n_bytes in write_tensors(file, tensors):
                task.advance(n_bytes)
        _verify(temporary, tensors)
        is_other = fingerprint is not None and Checkpoint(source).fingerprint != fingerprint
        if is_other or _states(checkpoint) != states:
            raise ChangedFileError(
                f"{source} changed while it was converted, so nothing is kept; run again when it "
                "is complete and no other program writes it"
            )
    return target


def _proven(checkpoint: Checkpoint, config: LlamaConfig) -> TokenizerMetadata:
    """Return the tokenizer, after llama.cpp has tokenized some texts as the checkpoint's own does.

    Raises:
        CheckpointError: If it does not.
    """
    with running() as engine:
        # llama.cpp gets ready while the tokenizer is read.
        engine.start()
        with well_formed(checkpoint.directory):
            tokenizer = read_tokenizer(checkpoint, config.vocab_size)
            prove(tokenizer, engine)
    return tokenizer


def _states(checkpoint: Checkpoint) -> list[FileState | None]:
    return [file_state(path) for path in checkpoint.files()]


def _verify(path: Path, tensors: Sequence[Output]) -> None:
    """Read the header back, and find each tensor in it as it was meant.

    Raises:
        EdgevalError: If one is missing or another than was written.
    """
    found = {each.name: (each.shape, int(each.type)) for each in read_header(path).tensors}
    for output in tensors:
        if found.get(output.name) != (output.source.shape, int(output.dtype)):
            raise EdgevalError(
                f"{path} does not hold {output.name} as it was written; check the disk, and "
                "convert again"
            )
