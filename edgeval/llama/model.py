"""A loaded GGUF."""

from __future__ import annotations

import ctypes
from pathlib import Path

from edgeval.errors import EngineError
from edgeval.llama.defaults import Kernels
from edgeval.llama.hardware import CPU, Offload
from edgeval.llama.library import Owner, llama_cpp
from edgeval.llama.type_names import file_types
from edgeval.llama.vocabulary import Vocabulary, load
from edgeval.records import UNQUANTIZED


class Model(Owner):
    """The weights of a GGUF, ready for sessions; a context manager that frees them.

    Attributes:
        path: The file.
        offload: The part of it that is computed on GPUs.
        kernels: llama.cpp's kernels for the rest.
        file_type: llama.cpp's name for how it is quantized, for example ``Q4_K_M``.
        n_vocab: Number of token ids.
        n_params: Number of parameters.
        tensor_bytes: Bytes of all tensors.
    """

    def __init__(self, path: Path, offload: Offload = CPU, kernels: Kernels = "default") -> None:
        """Load a GGUF.

        Over several GPUs its layers are split by the memory that is free on each.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If llama.cpp refuses it, for example for an unknown architecture, or if it
                does not predict the next token.
        """
        self.path = path
        self.offload = offload
        self.kernels = kernels
        with Vocabulary(path) as vocabulary:
            is_quantized = vocabulary.file_type not in UNQUANTIZED
            self.n_vocab = vocabulary.n_vocab
            architecture = vocabulary.metadata("general.architecture")
            if vocabulary.metadata(f"{architecture}.attention.causal") == "false":
                raise EngineError(
                    f"{path} is no causal language model, so it gives no log-probabilities of a "
                    "next token; evaluate another model"
                )
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
        # llama.cpp rearranges many quantized tensors for the CPU: a mapped file would stay in
        # memory beside them.
        params.load_mode = (
            llama_cpp.LLAMA_LOAD_MODE_NONE if is_quantized else llama_cpp.LLAMA_LOAD_MODE_MMAP
        )
        super().__init__(load(path, params), llama_cpp.llama_model_free)
        self.file_type = self._file_type()
        self.n_params = int(llama_cpp.llama_model_n_params(self.handle))
        self.tensor_bytes = int(llama_cpp.llama_model_size(self.handle))

    def _file_type(self) -> str:
        """Return the type, guessed by llama.cpp from the tensors where the file does not say it."""
        ftype = int(llama_cpp.llama_model_ftype(self.handle)) & ~llama_cpp.LLAMA_FTYPE_GUESSED
        names = {value: name for name, value in file_types().items()}
        return names.get(ftype, f"ftype {ftype}")
