"""Writer of a GGUF: its header first, then the tensors as they are read and cast."""

from __future__ import annotations

import contextlib
import struct
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import gguf
import numpy as np
import numpy.typing as npt

from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.convert.config import LlamaConfig
from edgeval.checkpoints.convert.metadata import add_general
from edgeval.checkpoints.convert.tensors import Output, OutputType
from edgeval.checkpoints.tokenizer.tokenizer import TokenizerMetadata
from edgeval.errors import CheckpointError
from edgeval.llama.machine import physical_cores
from edgeval.system.untrusted import printable

_FILE_TYPES = {
    "f32": gguf.LlamaFileType.ALL_F32,
    "f16": gguf.LlamaFileType.MOSTLY_F16,
    "bf16": gguf.LlamaFileType.MOSTLY_BF16,
    "q8_0": gguf.LlamaFileType.MOSTLY_Q8_0,
}
_ROPE_FACTORS = "rope_freqs.weight"
_MOST_THREADS = 4

# What is raised where a JSON file holds something else than transformers writes.
_MALFORMED = (
    AttributeError,
    IndexError,
    KeyError,
    OverflowError,
    TypeError,
    ValueError,
    struct.error,
)


@contextlib.contextmanager
def well_formed(directory: Path) -> Iterator[None]:
    """Turn what is raised of a checkpoint's files that hold something else into one sentence.

    Raises:
        CheckpointError: If they do.
    """
    try:
        yield
    except _MALFORMED as error:
        raise CheckpointError(
            f"{directory}: a JSON file of its tokenizer is of another form than transformers "
            f"writes it ({type(error).__name__}: {printable(str(error))}); save the tokenizer "
            "again with save_pretrained() of transformers, or download its files again"
        ) from error


@contextlib.contextmanager
def opened_gguf(
    path: Path,
    checkpoint: Checkpoint,
    config: LlamaConfig,
    tokenizer: TokenizerMetadata,
    tensors: Sequence[Output],
    dtype: OutputType,
    name: str | None,
) -> Iterator[IO[bytes]]:
    """Yield a new GGUF whose header is written, open where the data of ``tensors`` begins.

    Raises:
        CheckpointError: If the checkpoint's files do not give the metadata of a model.
    """
    factors = config.rope.factors(config.head_size)
    n_params = sum(output.source.size for output in tensors)
    n_params += 0 if factors is None else factors.size
    writer = gguf.GGUFWriter(path, "llama")
    try:
        add_general(writer, checkpoint, n_params, name)
        _add_architecture(writer, config)
        writer.add_file_type(_FILE_TYPES[dtype])
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        tokenizer.add_to(writer)
        if factors is not None:
            _add_tensor(writer, _ROPE_FACTORS, factors.shape, factors.nbytes, None)
        for output in tensors:
            _add_tensor(writer, output.name, output.source.shape, output.nbytes, output.dtype)
        with well_formed(checkpoint.directory):
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        file = writer.fout[0]
        writer.write_padding(file, file.tell())
        if factors is not None:
            file.write(factors.tobytes())
            writer.write_padding(file, factors.nbytes)
        yield file
    finally:
        writer.close()


def write_tensors(file: IO[bytes], tensors: Sequence[Output]) -> Iterator[int]:
    """Write the data of all tensors, and yield the number of bytes after each chunk.

    Threads read and cast a few chunks ahead of the one that is written.

    Raises:
        CheckpointError: If a weight file is cut off, or a value is too large for f16.
    """
    n_threads = min(physical_cores(), _MOST_THREADS)
    ahead: deque[tuple[Future[npt.NDArray[Any]], int]] = deque()
    with ThreadPoolExecutor(n_threads, "convert") as pool:
        for chunk, padding in _chunks(tensors):
            ahead.append((pool.submit(chunk), padding))
            if len(ahead) > 2 * n_threads:
                yield _write(file, *ahead.popleft())
        while ahead:
            yield _write(file, *ahead.popleft())


def _write(file: IO[bytes], chunk: Future[npt.NDArray[Any]], padding: int) -> int:
    data = chunk.result()
    file.write(data.data)
    file.write(bytes(padding))
    return data.nbytes


def _chunks(
    tensors: Sequence[Output],
) -> Iterator[tuple[Callable[[], npt.NDArray[Any]], int]]:
    """Yield all chunks, and how many bytes of padding follow each: those after a whole tensor."""
    for output in tensors:
        *most, last = output.chunks()
        for chunk in most:
            yield chunk, 0
        yield last, -output.nbytes % gguf.GGUF_DEFAULT_ALIGNMENT


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], nbytes: int, dtype: Any
) -> None:
    writer.add_tensor_info(name, shape, np.dtype(np.float32), nbytes, raw_dtype=dtype)


def _add_architecture(writer: gguf.GGUFWriter, config: LlamaConfig) -> None:
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.n_kv_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    writer.add_rope_dimension_count(config.head_size)
    writer.add_key_length(config.head_size)
    writer.add_value_length(config.head_size)
    writer.add_rope_freq_base(config.rope.rope_theta)
    if config.rope.rope_type == "linear" and "factor" in config.rope.model_fields_set:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope.factor)
