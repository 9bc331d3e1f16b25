"""Loaded models: the vocabulary and the weights that the last job was about."""

from __future__ import annotations

import time
from pathlib import Path

from edgeval import llama
from edgeval.engine.messages import Begun, ModelJob
from edgeval.gguf.parts import model_state
from edgeval.llama import memory
from edgeval.llama.memory import Memory
from edgeval.scoring.plan import Plan
from edgeval.scoring.score import settings_for
from edgeval.system.files import FileState


class Loaded:
    """The vocabulary of one GGUF and its weights, kept until another one is asked for."""

    def __init__(self) -> None:
        self._vocabulary: llama.Tokenizer | None = None
        self._model: llama.Model | None = None
        self._state: tuple[Path, tuple[FileState | None, ...], str | None] | None = None

    def close(self) -> None:
        """Free what is loaded."""
        for owner in (self._model, self._vocabulary):
            if owner is not None:
                owner.close()
        self._model = self._vocabulary = None

    @property
    def has_model(self) -> bool:
        """Whether weights are loaded."""
        return self._model is not None

    def vocabulary(self, path: Path, pre: str | None = None) -> llama.Tokenizer:
        """Return the vocabulary of a model.

        Raises:
            GgufError: If the file is missing, not a GGUF or damaged.
            EngineError: If llama.cpp refuses it.
        """
        state = path, model_state(path), pre
        if self._vocabulary is None or self._state != state:
            self.close()
            self._vocabulary = llama.Tokenizer(path, pre)
            self._state = state
        return self._vocabulary

    def model(self, job: ModelJob, need: Memory) -> llama.Model:
        """Return the model of a job, whose vocabulary was asked for before.

        Args:
            job: The job.
            need: What the model and its sessions take.

        Raises:
            NoRoomError: If it does not fit the memory that is free now.
            EngineError: If llama.cpp refuses it.
        """
        known, offload = self._model, job.placement.offload
        wanted = offload, job.kernels, job.maps
        if known is not None and (known.offload, known.kernels, known.maps) == wanted:
            return known
        if known is not None:
            known.close()
            self._model = None
        if not job.is_forced:
            memory.require(job.placement.left_to_machine(need), job.title)
        self._model = llama.Model(job.path, offload, job.kernels, job.pre, maps=job.maps)
        return self._model

    def for_plan(
        self, job: ModelJob, vocabulary: llama.Tokenizer, whole: Plan
    ) -> tuple[llama.Model, llama.SessionSettings, Begun]:
        """Return the model of a job that carries out a plan, how it is run, and what is told of it.

        Args:
            job: The job.
            vocabulary: Its vocabulary.
            whole: The plan of all that it is about.

        Raises:
            NoRoomError: If it does not fit the memory that is free now.
            EngineError: If llama.cpp refuses it.
        """
        placement, started = job.placement, time.perf_counter()
        settings = settings_for(whole, vocabulary.file_type, job.threads, placement.ubatch_tokens)
        need = memory.estimate(vocabulary.info, settings, placement.n_sessions)
        model = self.model(job, need)
        begun = Begun(
            file_type=model.file_type,
            n_params=model.n_params,
            tensor_bytes=model.tensor_bytes,
            load_s=time.perf_counter() - started,
            lower_bound=whole.lower_bound,
            n_batch=settings.n_batch,
            n_ubatch=settings.n_ubatch,
        )
        return model, settings, begun
