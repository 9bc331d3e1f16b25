"""Setup of an evaluation: options resolved before anything large is loaded."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from edgeval import llama
from edgeval.engine import Engine, EngineFacts, kernels, running
from edgeval.errors import EdgevalError
from edgeval.evaluation.options import Options
from edgeval.gguf.parts import model_state
from edgeval.llama import machine
from edgeval.llama.defaults import SCORING_VERSION, attention_of
from edgeval.llama.placement import Placement, PlacementOptions
from edgeval.records import DataSource, KernelChoice, ModelSource, ProtocolInfo, ShotPool
from edgeval.records import Engine as EngineInfo
from edgeval.records.score_key import ScoreKey, features_of
from edgeval.scoring.observer import NoObserver, PartObserver
from edgeval.stats import sampling
from edgeval.stats.paired import MARGIN_POINTS
from edgeval.system.files import FileState
from edgeval.tasks import fewshot, registry
from edgeval.tasks.item import Item
from edgeval.tasks.protocol import Protocol

Version = tuple[Path, tuple[FileState | None, ...]]
"""A GGUF, until one of its files changes."""


def version_of(gguf: llama.GgufInfo) -> Version:
    """Return which GGUF this is, and in which state its files are."""
    return gguf.path, model_state(gguf.path)


@dataclass(frozen=True)
class ModelSetup:
    """How one GGUF is computed: found out once, by the memory that is free then.

    Attributes:
        evaluation: What is evaluated and how.
        gguf: The GGUF.
        placement: Where it is computed, and in how large batches.
        kernels: Which of llama.cpp's kernels compute it on the CPU, and why.
        version: The state of its files for which this was found out.
    """

    evaluation: EvalSetup
    gguf: llama.GgufInfo
    placement: Placement
    kernels: KernelChoice
    version: Version

    @classmethod
    def of(cls, evaluation: EvalSetup, gguf: llama.GgufInfo) -> ModelSetup:
        """Return how a GGUF is computed.

        Raises:
            EngineError: If no part of it fits on the devices.
            KernelError: If the kernels that were asked for, or all, compute it wrongly.
        """
        version, options = version_of(gguf), evaluation.options
        wanted = PlacementOptions(
            devices=evaluation.devices,
            all_devices=bool(options.devices),
            gpu_layers=options.gpu_layers,
            batch_tokens=options.batch_tokens,
            force=options.force,
            pre=options.pre,
        )
        with running() as engine:
            placement = engine.place(gguf.path, wanted)
            kernels = _kernels(gguf, placement, evaluation, engine)
        return cls(evaluation, gguf, placement, kernels, version)

    def score_key(self, sha256: str) -> ScoreKey:
        """Return the key under which the scores of the GGUF are kept.

        Args:
            sha256: Hash of the GGUF.
        """
        evaluation, placement, given = self.evaluation, self.placement, self.gguf.pre_tokenizer
        engine, data, protocol = evaluation.engine(), evaluation.data, evaluation.protocol
        cache_type, flash_attention = attention_of(self.gguf.file_type)
        return ScoreKey(
            scoring_version=SCORING_VERSION,
            gguf_sha256=sha256,
            data_fingerprint=data.fingerprint,
            protocol=protocol.name,
            protocol_version=protocol.version,
            shots=evaluation.options.shots,
            shot_pool_fingerprint=data.shot_pool.fingerprint if data.shot_pool else None,
            engine=engine.version,
            features=features_of(engine.features, self.kernels.kernels),
            backend=engine.backend,
            devices=tuple(device.description for device in placement.offload.devices),
            gpu_layers=placement.gpu_layers,
            batch_tokens=placement.batch_tokens,
            cache_type=cache_type,
            flash_attention=flash_attention,
            pre_tokenizer=given.given if given else None,
            task=registry.in_key(data.task),
            task_version=data.task_version,
        )


def _chance(items: Sequence[Item]) -> float | None:
    """Return the accuracy of who picks blindly; None where there is nothing to choose from."""
    counts = [item.n_choices for item in items]
    return None if 1 in counts else math.fsum(1 / count for count in counts) / len(counts)


def _kernels(
    gguf: llama.GgufInfo, placement: Placement, evaluation: EvalSetup, engine: Engine
) -> KernelChoice:
    """Return which of llama.cpp's kernels compute a model on the CPU."""
    wanted = evaluation.options.kernels
    if placement.gpu_layers == placement.n_layers:
        return KernelChoice(kernels="default")
    if not evaluation.options.check:
        return KernelChoice(kernels="plain" if wanted == "plain" else "default")
    return kernels.choose(gguf.path, wanted, engine, threads=evaluation.threads)


@dataclass(frozen=True)
class EvalSetup:
    """Options that were checked and resolved, before anything large is loaded.

    Attributes:
        options: What they were.
        protocol: How items become requests.
        indices: The index of each item to evaluate in the data set; of an evaluation that stops
            early, those of all that it may draw.
        item_at: Returns the item at any index, with its shots.
        data: The data set and the slice of it.
        devices: The GPUs that may be used; none for the CPU.
        threads: CPU threads.
        computed_by: Version and features of llama.cpp.
        checkpoint: What the models are made of; None if that is not known.
        models: How GGUFs are computed, by path, as far as that was settled.
        n_together: Number of ladders, of several tasks, whose intervals hold together.
        keeps_model: Whether a model stays loaded, since another task's items are scored next.
        observer: Who is told of scores as batches land.
    """

    options: Options
    protocol: Protocol
    indices: Sequence[int]
    item_at: Callable[[int], Item]
    data: DataSource
    devices: tuple[llama.Device, ...]
    threads: int
    computed_by: EngineFacts
    checkpoint: ModelSource | None = None
    models: Mapping[Path, ModelSetup] = field(default_factory=dict, compare=False, repr=False)
    n_together: int = 1
    keeps_model: bool = False
    observer: PartObserver = field(default_factory=NoObserver, compare=False, repr=False)

    @functools.cached_property
    def items(self) -> Sequence[Item]:
        """The items to evaluate, in their order."""
        return [self.item_at(index) for index in self.indices]

    @property
    def backend(self) -> str:
        """``cpu``, or the backend of the devices."""
        return llama.Offload(self.devices).backend

    @property
    def margin_points(self) -> float:
        """Two accuracies this close are called equivalent."""
        return self.options.margin or self.options.until or MARGIN_POINTS

    @property
    def limit(self) -> int:
        """Most items to evaluate."""
        return min(self.options.limit or len(self.indices), len(self.indices))

    def on_cpu(self) -> EvalSetup:
        """Return the same setup without GPUs."""
        return replace(self, devices=(), models={})

    def of(self, gguf: llama.GgufInfo) -> ModelSetup:
        """Return how a GGUF is computed: as it was settled, or found out now.

        Raises:
            EngineError: If no part of it fits on the devices.
            KernelError: If the kernels that were asked for, or all, compute it wrongly.
        """
        settled = self.models.get(gguf.path)
        if settled is None or settled.version != version_of(gguf):
            return ModelSetup.of(self, gguf)
        return replace(settled, evaluation=self)

    def data_of(self, indices: Collection[int]) -> DataSource:
        """Return the data set and the slice of it that was evaluated."""
        groups = Counter(self.item_at(index).group for index in indices)
        update = {"n_items": len(indices), "groups": dict(sorted(groups.items()))}
        return self.data.model_copy(update=update)

    def engine(self) -> EngineInfo:
        """Return what will compute the numbers."""
        return EngineInfo(
            version=self.computed_by.version,
            features=self.computed_by.features,
            backend=self.backend,
            threads=self.threads,
        )

    def protocol_info(self) -> ProtocolInfo:
        """Return the protocol as a record."""
        protocol = self.protocol
        return ProtocolInfo(
            name=protocol.name,
            version=protocol.version,
            metric=protocol.metric,
            shots=self.options.shots,
        )


def prepare(options: Options) -> EvalSetup:
    """Check the options and load the items.

    Raises:
        EdgevalError: If an option or the data cannot be used.
    """
    options.require_usable()
    with running() as engine:
        devices = engine.choose_devices(options.backend, options.devices)
        computed_by = engine.facts()
    if options.gpu_layers == 0:
        devices = ()
    if options.gpu_layers and not devices:
        raise EdgevalError(
            f"--gpu-layers {options.gpu_layers} needs a GPU, and the CPU computes here; leave it "
            "out, or see what edgeval doctor tells"
        )
    task, protocol = options.resolved_task(), options.resolved_protocol()
    data_set = task.load(options.data, offline=options.offline)
    everything = data_set.items(protocol.rendering)
    groups = [item.group for item in everything]
    if options.until is None:
        chosen = sampling.order_items(groups, options.order, options.seed)[: options.limit]
    else:
        chosen = sampling.simple_order(len(everything), options.seed)
    pool = None
    item_at: Callable[[int], Item] = everything.__getitem__
    if options.shots and options.lm_eval_task is None:
        solved = task.load_shots(options.shots_data, offline=options.offline)
        pool = ShotPool(name=solved.name, fingerprint=solved.fingerprint, n_items=len(solved.rows))
        drawn = fewshot.draw(data_set.rows, solved.rows, options.shots, task.sampler)
        shown = solved.items(protocol.rendering)

        def with_shots(index: int) -> Item:
            return fewshot.prompt(everything[index], [shown[place] for place in drawn[index]])

        item_at = with_shots

    data = DataSource(
        task=task.name,
        task_version=task.version,
        name=data_set.name,
        fingerprint=data_set.fingerprint,
        n_total=len(everything),
        n_items=len(chosen[: options.limit]),
        order=options.order if options.until is None else "simple",
        seed=options.seed,
        groups=dict(sorted(Counter(groups[index] for index in chosen[: options.limit]).items())),
        chance=_chance(everything),
        shot_pool=pool,
    )
    return EvalSetup(
        options=options,
        protocol=protocol,
        indices=chosen,
        item_at=item_at,
        data=data,
        devices=devices,
        threads=options.threads or machine.physical_cores(),
        computed_by=computed_by,
    )
