"""Model: a GGUF with its weights loaded."""

from __future__ import annotations

import ctypes
from pathlib import Path

from edgeval.gguf.architectures import ALL_ROWS, ARCHITECTURE, PREDICTING
from edgeval.llama.hardware import CPU, Offload
from edgeval.llama.library import Owner, llama_cpp
from edgeval.llama.tokenizer import Tokenizer, load
from edgeval.records import UNQUANTIZED
from edgeval.records.kernels import Kernels

_LONGEST_DESCRIPTION = 256


class Model(Owner):
    """The weights of a GGUF, ready for sessions; a context manager that frees them.

    Attributes:
        path: The file.
        offload: The part of it that is computed on GPUs.
        kernels: llama.cpp's kernels for the rest.
        maps: Whether the file is mapped wherever llama.cpp maps one by itself.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``.
        is_known: Whether llama.cpp's own source says of its architecture that it predicts the next
            token; of another one, what it computes has to show it.
        selects_rows: Whether llama.cpp computes the logits that are asked for, and not those of the
            first tokens of a batch.
        n_vocab: Number of token ids.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
        description: llama.cpp's description, such as ``llama 1B Q4_K - Medium``.
    """

    def __init__(
        self,
        path: Path,
        offload: Offload = CPU,
        kernels: Kernels = "default",
        pre: str | None = None,
        *,
        maps: bool = False,
    ) -> None:
        """Load a GGUF.

        Over several GPUs its layers are split by the memory that is free on each.

        Args:
            path: The file.
            offload: The part of it that is computed on GPUs.
            kernels: llama.cpp's kernels for the rest.
            pre: The pre-tokenizer to use instead of the file's own.
            maps: Whether the file is mapped wherever llama.cpp maps one by itself. Otherwise
                quantized weights are read: many are rearranged for the CPU, and a mapped file would
                stay in memory beside them. A mapped file's pages are larger, so that what is not
                rearranged is read faster from it, token by token.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If llama.cpp refuses it, for example for an unknown architecture, or if it
                does not predict the next token.
        """
        self.path = path
        self.offload = offload
        self.kernels = kernels
        self.maps = maps
        with Tokenizer(path, pre) as vocabulary:
            vocabulary.info.require_predicting()
            self.file_type = vocabulary.file_type
            self.n_vocab = vocabulary.n_vocab
            architecture = vocabulary.metadata(ARCHITECTURE)
        self.is_known = architecture in PREDICTING
        self.selects_rows = self.is_known and architecture not in ALL_ROWS
        is_quantized = self.file_type not in UNQUANTIZED
        params = llama_cpp.llama_model_default_params()
        # The list ends with a null pointer. An empty one keeps the weights in the CPU's own layout;
        # without a list llama.cpp would put them where a GPU that is here reads them best.
        handles = (ctypes.c_void_p * (len(offload.devices) + 1))()
        handles[: len(offload.devices)] = [device.handle for device in offload.devices]
        params.devices = ctypes.cast(handles, ctypes.c_void_p)
        params.n_gpu_layers = -1 if offload.layers is None else offload.layers
        # Where a GPU has all layers, nothing is left that the CPU could rearrange weights for.
        is_all_on_gpus = bool(offload.devices) and offload.layers is None
        params.use_extra_bufts = kernels == "default" and not is_all_on_gpus
        if not maps:
            params.load_mode = (
                llama_cpp.LLAMA_LOAD_MODE_NONE if is_quantized else llama_cpp.LLAMA_LOAD_MODE_MMAP
            )
        super().__init__(load(path, params, pre), llama_cpp.llama_model_free)
        self.n_params = int(llama_cpp.llama_model_n_params(self.handle))
        self.tensor_bytes = int(llama_cpp.llama_model_size(self.handle))
        text = ctypes.create_string_buffer(_LONGEST_DESCRIPTION)
        llama_cpp.llama_model_desc(self.handle, text, len(text))
        self.description = text.value.decode("utf-8", "replace")
