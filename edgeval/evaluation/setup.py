"""What is evaluated and how: options, checked and resolved before anything large is loaded."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from edgeval import llama
from edgeval.engine import EngineFacts, kernels, running
from edgeval.errors import EdgevalError
from edgeval.gguf.parts import model_state
from edgeval.llama import machine
from edgeval.llama.defaults import SCORING_VERSION, attention_of
from edgeval.llama.placement import Placement, PlacementOptions
from edgeval.records import DataSource, Engine, KernelChoice, ModelSource, ProtocolInfo, ShotPool
from edgeval.records.score_key import ScoreKey, features_of
from edgeval.stats import sampling
from edgeval.stats.paired import MARGIN_POINTS, require_margin
from edgeval.system.files import FileState
from edgeval.tasks import fewshot, hellaswag
from edgeval.tasks.item import Item
from edgeval.tasks.protocol import DEFAULT, Protocol, get


@dataclass(frozen=True)
class Options:
    """What is evaluated and how; the same for every model of a ladder.

    Attributes:
        data: A local data file; None for the default of the model or the hub.
        protocol: A name of ``protocol.PROTOCOLS``; None for the default of the data.
        limit: Evaluate at most so many items; None for all.
        order: ``random`` or ``file``; see ``sampling.order_items``.
        seed: Seed of the random order.
        shots: Solved items to show before each item.
        shots_data: A local file to draw them from; None for the hub's train split.
        backend: ``auto``, ``cpu``, ``cuda``, ``metal``, or another that llama.cpp was built with.
        devices: GPUs to use, by llama.cpp's names or their indices; none for those that are needed.
        gpu_layers: Layers to compute there, 0 for the CPU alone; None for as many as fit.
        kernels: llama.cpp's kernels for the CPU: ``auto`` for the faster of those that are sound,
            ``default`` for its own choice, ``plain`` for those that read the layout of the file.
        check: Whether kernels, and a GPU's scores, are checked before they are trusted.
        threads: CPU threads; None for one a physical core.
        batch_tokens: Tokens that a batch is filled up to; None for what suits each type.
        force: Whether a model is loaded that does not fit the memory free now.
        offline: Never touch the network.
        store: The file that scores are kept in and taken from; None keeps none.
        fresh: Whether to start over; what the store holds is kept, and not looked at.
        until: Stop as soon as what is asked of a model is decided to so many points; None
            evaluates all items.
        margin: Two accuracies so many points apart are called equivalent; None for what ``until``
            says or, without that, one point.
        kl_items: Items on which a ladder's whole next-token distributions are compared; 0 for none.
        pre: How text is split before it is tokenized, instead of what the GGUFs say: a name of
            llama.cpp's pre-tokenizers; None for what they say.
    """

    data: Path | None = None
    protocol: str | None = None
    limit: int | None = None
    order: sampling.Order = "random"
    seed: int = 0
    shots: int = 0
    shots_data: Path | None = None
    backend: str = "auto"
    devices: tuple[str, ...] = ()
    gpu_layers: int | None = None
    kernels: Literal["auto", "default", "plain"] = "auto"
    check: bool = True
    threads: int | None = None
    batch_tokens: int | None = None
    force: bool = False
    offline: bool = False
    store: Path | None = None
    fresh: bool = False
    until: float | None = None
    margin: float | None = None
    kl_items: int = 100
    pre: str | None = None


_Version = tuple[Path, tuple[FileState | None, ...]]
"""A GGUF, until one of its files changes."""


def _version(gguf: llama.GgufInfo) -> _Version:
    return gguf.path, model_state(gguf.path)


@dataclass(frozen=True)
class Setup:
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
    _placements: dict[_Version, Placement] = field(default_factory=dict, compare=False)
    _kernels: dict[_Version, KernelChoice] = field(default_factory=dict, compare=False)

    @functools.cached_property
    def items(self) -> Sequence[Item]:
        """The items to evaluate, in their order."""
        return [self.item_at(index) for index in self.indices]

    @property
    def backend(self) -> str:
        """``cpu``, or the backend of the devices."""
        return llama.Offload(self.devices).backend

    def on_cpu(self) -> Setup:
        """Return the same setup without GPUs."""
        return replace(self, devices=(), _placements={}, _kernels={})

    def placement(self, gguf: llama.GgufInfo) -> Placement:
        """Return where a model is computed: found out once, by the memory that is free then.

        Raises:
            EngineError: If no part of it fits on the devices.
        """
        version = _version(gguf)
        known = self._placements.get(version)
        if known is None:
            options = self.options
            wishes = PlacementOptions(
                devices=self.devices,
                all_devices=bool(options.devices),
                gpu_layers=options.gpu_layers,
                batch_tokens=options.batch_tokens,
                force=options.force,
                pre=options.pre,
            )
            with running() as engine:
                known = self._placements[version] = engine.place(gguf.path, wishes)
        return known

    def kernels(self, gguf: llama.GgufInfo) -> KernelChoice:
        """Return which of llama.cpp's kernels compute a model on the CPU: found out once.

        Raises:
            KernelError: If those that were asked for, or all, compute it wrongly.
        """
        version = _version(gguf)
        known = self._kernels.get(version)
        if known is None:
            known = self._kernels[version] = self._chosen_kernels(gguf)
        return known

    def _chosen_kernels(self, gguf: llama.GgufInfo) -> KernelChoice:
        placement, wanted = self.placement(gguf), self.options.kernels
        if placement.gpu_layers == placement.n_layers:
            return KernelChoice(kernels="default")
        if not self.options.check:
            return KernelChoice(kernels="plain" if wanted == "plain" else "default")
        with running() as engine:
            return kernels.choose(gguf.path, wanted, engine, threads=self.threads)

    def use_kernels(self, gguf: llama.GgufInfo, choice: KernelChoice) -> None:
        """Let a model be computed with other kernels from now on."""
        self._kernels[_version(gguf)] = choice

    def score_key(
        self, sha256: str, gguf: llama.GgufInfo, kernels: llama.Kernels | None = None
    ) -> ScoreKey:
        """Return the key under which the scores of a GGUF are kept.

        Args:
            sha256: Its hash.
            gguf: The GGUF.
            kernels: Those of llama.cpp that compute it; by default those that are chosen.

        Raises:
            EngineError: If no part of it fits on the devices, or its kernels compute it wrongly.
        """
        used = kernels or self.kernels(gguf).kernels
        engine, data, placement = self.engine(), self.data, self.placement(gguf)
        cache_type, flash_attention = attention_of(gguf.file_type)
        return ScoreKey(
            scoring_version=SCORING_VERSION,
            gguf_sha256=sha256,
            data_fingerprint=data.fingerprint,
            protocol=self.protocol.name,
            protocol_version=self.protocol.version,
            shots=self.options.shots,
            shot_pool_fingerprint=data.shot_pool.fingerprint if data.shot_pool else None,
            engine=engine.version,
            features=features_of(engine.features, used),
            backend=engine.backend,
            devices=tuple(machine.description for machine in placement.offload.devices),
            gpu_layers=placement.gpu_layers,
            batch_tokens=placement.batch_tokens,
            cache_type=cache_type,
            flash_attention=flash_attention,
            pre_tokenizer=gguf.pre_tokenizer.given if gguf.pre_tokenizer else None,
        )

    @property
    def margin_points(self) -> float:
        """Two accuracies this close are called equivalent."""
        return self.options.margin or self.options.until or MARGIN_POINTS

    @property
    def limit(self) -> int:
        """Most items to evaluate."""
        return min(self.options.limit or len(self.indices), len(self.indices))

    @property
    def sketched(self) -> list[int]:
        """Indices of the items on which whole distributions are compared: any are as probable."""
        chosen = set(self.indices)
        order = sampling.simple_order(self.data.n_total, self.options.seed)
        return [index for index in order if index in chosen][: self.options.kl_items]

    def data_of(self, indices: Collection[int]) -> DataSource:
        """Return the data set and the slice of it that was evaluated."""
        groups = Counter(self.item_at(index).group for index in indices)
        found = {"n_items": len(indices), "groups": dict(sorted(groups.items()))}
        return self.data.model_copy(update=found)

    def engine(self) -> Engine:
        """Return what will compute the numbers."""
        return Engine(
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


def prepare(options: Options) -> Setup:
    """Check the options and load the items.

    Raises:
        EdgevalError: If an option or the data cannot be used.
    """
    with running() as engine:
        devices = engine.choose_devices(options.backend, options.devices)
        computed_by = engine.facts()
    if options.limit is not None and options.limit < 1:
        raise EdgevalError(f"--limit {options.limit} leaves no items; use 1 or more")
    if options.threads is not None and options.threads < 1:
        raise EdgevalError(f"--threads {options.threads} cannot compute; use 1 or more")
    if options.batch_tokens is not None and options.batch_tokens < 1:
        raise EdgevalError(f"--batch {options.batch_tokens} holds no token; use 1 or more")
    if options.gpu_layers is not None and options.gpu_layers < 0:
        raise EdgevalError(f"--gpu-layers {options.gpu_layers} is no number; use 0 or more")
    if options.gpu_layers == 0:
        devices = ()
    if options.gpu_layers and not devices:
        raise EdgevalError(
            f"--gpu-layers {options.gpu_layers} needs a GPU, and the CPU computes here; leave it "
            "out, or see what edgeval doctor tells"
        )
    if options.kl_items < 0:
        raise EdgevalError(f"--kl-items {options.kl_items} cannot be compared; use 0 or more")
    if options.until is not None:
        require_margin(options.until, "--until")
    if options.margin is not None:
        _check_margin(options.margin, options.until)
    if options.until is not None and options.order == "file":
        raise EdgevalError(
            "--until needs items in random order, since the first of a file are no sample of it; "
            "leave out --order file, or give --limit instead"
        )
    is_text = options.data is not None and options.data.suffix.lower() == ".txt"
    protocol = get(options.protocol or ("llama.cpp" if is_text else DEFAULT))
    _check_shots(options, protocol)
    data_set = hellaswag.load(options.data, offline=options.offline)
    everything = data_set.items(protocol.rendering)
    groups = [item.group for item in everything]
    if options.until is None:
        chosen = sampling.order_items(groups, options.order, options.seed)[: options.limit]
    else:
        chosen = sampling.simple_order(len(everything), options.seed)
    pool = None
    item_at: Callable[[int], Item] = everything.__getitem__
    if options.shots:
        solved = hellaswag.load(options.shots_data, offline=options.offline, split="train")
        pool = ShotPool(
            name=solved.name, fingerprint=solved.fingerprint, n_items=len(solved.records)
        )
        shown = fewshot.draw(everything, solved.items(protocol.rendering), options.shots)

        def with_shots(index: int) -> Item:
            return fewshot.prompt(everything[index], shown[index])

        item_at = with_shots

    data = DataSource(
        name=data_set.name,
        fingerprint=data_set.fingerprint,
        n_total=len(everything),
        n_items=len(chosen[: options.limit]),
        order=options.order if options.until is None else "simple",
        seed=options.seed,
        groups=dict(sorted(Counter(groups[index] for index in chosen[: options.limit]).items())),
        shot_pool=pool,
    )
    return Setup(
        options=options,
        protocol=protocol,
        indices=chosen,
        item_at=item_at,
        data=data,
        devices=devices,
        threads=options.threads or machine.physical_cores(),
        computed_by=computed_by,
    )


def _check_margin(margin: float, until: float | None) -> None:
    require_margin(margin)
    if until not in (None, margin):
        raise EdgevalError(
            f"--until {until:g} and --margin {margin:g} name two margins; leave out --margin, or "
            "name the same points in both"
        )


def _check_shots(options: Options, protocol: Protocol) -> None:
    shots = options.shots
    if shots < 0:
        raise EdgevalError(f"--shots {shots} cannot be shown; use 0 or more")
    if options.shots_data is not None and not shots:
        raise EdgevalError("--shots-data is read only for shots; say how many with --shots N")
    if shots and not protocol.few_shot:
        raise EdgevalError(
            f"protocol {protocol.name} has no shots, as {protocol.tool} has none; leave out "
            "--shots, or use --protocol lm-eval or lm-eval-bos"
        )
    if shots and options.data is not None and options.shots_data is None:
        raise EdgevalError(
            f"the items are not the hub's, so --shots {shots} needs solved items to draw from; "
            "name a file with --shots-data FILE (.jsonl, .json or .parquet in the hub's schema)"
        )
