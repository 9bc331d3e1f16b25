"""Options of an evaluation: what is evaluated and how, and what can be said of them at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeval.errors import EdgevalError
from edgeval.stats import sampling
from edgeval.stats.paired import require_margin
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

    @property
    def protocol_name(self) -> str:
        """The protocol asked for or, without one, that of the data."""
        is_text = self.data is not None and self.data.suffix.lower() == ".txt"
        return self.protocol or ("llama.cpp" if is_text else DEFAULT)

    def require_usable(self) -> None:
        """Check what can be checked without llama.cpp and without the data.

        Raises:
            EdgevalError: If an option cannot be used, or not with another.
        """
        if self.limit is not None and self.limit < 1:
            raise EdgevalError(f"--limit {self.limit} leaves no items; use 1 or more")
        if self.threads is not None and self.threads < 1:
            raise EdgevalError(f"--threads {self.threads} cannot compute; use 1 or more")
        if self.batch_tokens is not None and self.batch_tokens < 1:
            raise EdgevalError(f"--batch {self.batch_tokens} holds no token; use 1 or more")
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
        _check_shots(self, get(self.protocol_name))


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
