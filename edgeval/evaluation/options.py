"""Options of an evaluation: what is evaluated and how, and what can be said of them at once.

The help pages show these defaults: so what checks options is loaded when they are checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from edgeval.errors import EdgevalError, closest
from edgeval.tasks.names import DEFAULT_TASK, HARNESS_PREFIX

if TYPE_CHECKING:
    from edgeval.stats.sampling import Order
    from edgeval.tasks.protocol import Protocol
    from edgeval.tasks.task import Task

DEFAULT_LADDER = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
"""The file types of a ladder that names none."""

RESULTS_FOLDER = Path("edgeval-results")
"""Where reports go if nobody says otherwise."""

DEFAULT_STORE = RESULTS_FOLDER / "edgeval.db"
"""Where commands keep scores if nobody says otherwise; functions keep none."""

Kernels = Literal["auto", "default", "plain"]


@dataclass(frozen=True)
class Options:
    """What is evaluated and how; the same for every model of a ladder.

    Paths may be given as text.

    Attributes:
        data: A local data file; None for the default of the model or the hub.
        protocol: ``lm-eval``, ``lm-eval-bos`` or ``llama.cpp``; None for the default of the data.
        limit: Evaluate at most so many items; None for all.
        order: ``random`` for a seeded slice, stratified by group, or ``file`` for the first items.
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
        task: Name of the task that is evaluated.
        lm_eval_task: Name of a task of lm-evaluation-harness that is evaluated instead.
        lm_eval_include: A folder of further tasks of that; what is in it may be code, which runs.
    """

    data: Path | None = None
    protocol: str | None = None
    limit: int | None = None
    order: Order = "random"
    seed: int = 0
    shots: int = 0
    shots_data: Path | None = None
    backend: str = "auto"
    devices: tuple[str, ...] = ()
    gpu_layers: int | None = None
    kernels: Kernels = "auto"
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
    task: str = DEFAULT_TASK
    lm_eval_task: str | None = None
    lm_eval_include: Path | None = None

    def __post_init__(self) -> None:
        for name in ("data", "shots_data", "store", "lm_eval_include"):
            path = getattr(self, name)
            if path is not None:
                object.__setattr__(self, name, Path(path))

    @property
    def task_name(self) -> str:
        """Name of the task that is evaluated, as records have it."""
        return self.task if self.lm_eval_task is None else f"{HARNESS_PREFIX}{self.lm_eval_task}"

    def resolved_task(self) -> Task:
        """Return the task that is evaluated; one of lm-evaluation-harness is rendered by now.

        Raises:
            EdgevalError: If there is no such task, or the harness cannot build it.
        """
        from edgeval.tasks import harness, registry

        if self.lm_eval_task is None:
            return registry.task(self.task)
        return harness.harness_task(
            self.lm_eval_task, self.lm_eval_include, self.shots, self.offline
        )

    def resolved_protocol(self) -> Protocol:
        """Return the protocol asked for or, without one, that of the data.

        Raises:
            EdgevalError: If there is no such task or protocol, or the task has none of it.
        """
        from edgeval.tasks.protocol import of_task

        return of_task(self.resolved_task(), self.protocol, self.data)

    def require_usable(self) -> None:
        """Check what can be checked without llama.cpp and without the data.

        Raises:
            EdgevalError: If an option cannot be used, or not with another.
        """
        from edgeval.stats.paired import require_margin
        from edgeval.stats.sampling import Order

        _require_one_of("order", self.order, get_args(Order))
        _require_one_of("kernels", self.kernels, get_args(Kernels))
        if self.limit is not None and self.limit < 1:
            raise EdgevalError(f"--limit {self.limit} leaves no items; use 1 or more")
        if self.threads is not None and self.threads < 1:
            raise EdgevalError(f"--threads {self.threads} cannot compute; use 1 or more")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise EdgevalError(f"--batch-tokens {self.batch_tokens} holds no token; use 1 or more")
        if self.gpu_layers is not None and self.gpu_layers < 0:
            raise EdgevalError(f"--gpu-layers {self.gpu_layers} is no number; use 0 or more")
        if self.kl_items < 0:
            raise EdgevalError(f"--kl-items {self.kl_items} cannot be compared; use 0 or more")
        if self.until is not None:
            require_margin(self.until, "--until")
        if self.margin is not None:
            _check_margin(self.margin, self.until)
        if self.until is not None and self.order == "file":
            raise EdgevalError(
                "--until needs items in random order, since the first of a file are no sample of "
                "it; leave out --order file, or give --limit instead"
            )
        _check_harness(self)
        _check_shots(self, self.resolved_protocol())


def _require_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise EdgevalError(
            f"--{name} {value}{closest(value, known)} is unknown; use {', '.join(known)}"
        )


def _check_margin(margin: float, until: float | None) -> None:
    from edgeval.stats.paired import require_margin

    require_margin(margin)
    if until not in (None, margin):
        raise EdgevalError(
            f"--until {until:g} and --margin {margin:g} name two margins; leave out --margin, or "
            "name the same points in both"
        )


def _check_harness(options: Options) -> None:
    if options.lm_eval_task is None:
        if options.lm_eval_include is not None:
            raise EdgevalError("--lm-eval-include has tasks; name one with --lm-eval-task")
        return
    if options.task != DEFAULT_TASK:
        raise EdgevalError(
            f"--task {options.task} and --lm-eval-task {options.lm_eval_task} name two tasks; "
            "leave one of them out"
        )
    if options.data is not None or options.shots_data is not None:
        raise EdgevalError(
            f"lm-evaluation-harness reads the items of {options.lm_eval_task}; leave out --data "
            "and --shots-data, or name a folder of own tasks with --lm-eval-include"
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
    if shots and options.resolved_task().shots_split is None:
        raise EdgevalError(
            f"task {options.task_name} has no shots: it shows items of its own before each, and "
            "lm-evaluation-harness no others; leave out --shots"
        )
    if shots and options.data is not None and options.shots_data is None:
        raise EdgevalError(
            f"the items are not the hub's, so --shots {shots} needs solved items to draw from; "
            "name a file with --shots-data FILE (.jsonl, .json or .parquet in the hub's schema)"
        )
