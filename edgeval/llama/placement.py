"""Placement of a model: how many of its layers on which GPUs, in how large batches."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from edgeval import llama
from edgeval.errors import EngineError
from edgeval.gguf.parts import read_header
from edgeval.llama import memory
from edgeval.llama.defaults import UBATCH_TOKENS, attention_of, batch_tokens_for
from edgeval.llama.memory import Memory, megabytes

_SESSIONS = {"cuda": 3}
"""Sessions side by side on a GPU that holds the whole model: while one batch is computed, the next
is prepared and the last one reduced. On an H200 one decoded 39,000 tokens/s, two 64,000, three
74,000 and four 81,000 (TinyLlama's shape, F16); each takes 300 MB there."""

_FEWEST_BATCH_TOKENS = 256
RESERVED_BYTES = 512 * 2**20
"""What a device keeps free: for the libraries' own workspaces, which took 400 MB for three sessions
on an H200, and for what else is shown on it."""

_SHORT_TOKENS = 32
"""A text that a batch may be full of: HellaSwag's have two to five times as many."""

_BLOCK = re.compile(r"blk\.(\d+)\.")
_EMBEDDING = "token_embd.weight"
_OUTPUT = "output.weight"


@dataclass(frozen=True)
class Placement:
    """Where a model is computed, and in how large batches.

    Attributes:
        offload: What is computed on GPUs.
        n_layers: Number of all layers; the output counts as one.
        device_bytes: Bytes of the weights there.
        batch_tokens: Tokens that a batch is filled up to.
        ubatch_tokens: Most tokens computed at once.
        n_sessions: Sessions that batches are decoded on side by side.
    """

    offload: llama.Offload
    n_layers: int
    device_bytes: int
    batch_tokens: int
    ubatch_tokens: int
    n_sessions: int

    @property
    def gpu_layers(self) -> int:
        """Number of layers on GPUs."""
        layers = self.offload.layers
        return 0 if not self.offload.devices else self.n_layers if layers is None else layers

    def left_to_machine(self, need: Memory) -> Memory:
        """Return the part of what a model takes that is in the machine's own memory."""
        devices = self.offload.devices
        if not devices or any(device.is_integrated for device in devices):
            return need
        on_cpu = self.n_layers - self.gpu_layers
        return Memory(
            weights=need.weights - self.device_bytes,
            cache=need.cache * on_cpu // self.n_layers,
            logits=need.logits,
            compute=need.compute if on_cpu else 0,
        )


@dataclass(frozen=True)
class PlacementOptions:
    """What is asked for; None where it is to be found out.

    Attributes:
        devices: GPUs that may be used; none for the CPU.
        all_devices: Whether all of them are to be used, even if one is enough.
        gpu_layers: Layers to compute there.
        batch_tokens: Tokens that a batch is filled up to.
        force: Whether what does not fit is tried.
        pre: The pre-tokenizer to use instead of the file's own.
    """

    devices: tuple[llama.Device, ...] = ()
    all_devices: bool = False
    gpu_layers: int | None = None
    batch_tokens: int | None = None
    force: bool = False
    pre: str | None = None


def place(gguf: llama.GgufInfo, options: PlacementOptions) -> Placement:
    """Return where a model is computed, by the memory that is free on the devices now.

    One device is used if it holds the whole model, else as many as are needed. Where memory is
    short, fewer sessions are used, then smaller batches; then layers are left to the CPU.

    Raises:
        EngineError: If the model does not predict the next token, or no layer fits, or not as many
            as are asked for.
        GgufError: If the file is damaged.
    """
    gguf.require_predicting()
    n_blocks = gguf.dimension("block_count")
    tokens = options.batch_tokens or batch_tokens_for(gguf.file_type)
    on_cpu = Placement(llama.CPU, n_blocks + 1, 0, tokens, UBATCH_TOKENS, 1)
    if not options.devices:
        return on_cpu
    weights = _layer_bytes(gguf.path, n_blocks)
    attempts = list(_attempts(on_cpu, options, weights))
    free = {each: each.memory()[0] for each in options.devices}
    for attempt in attempts:
        need = _need(gguf, attempt)
        group = _group_for(need, free, max(weights), options.all_devices)
        if group:
            return replace(attempt, offload=replace(attempt.offload, devices=group))
    # What takes least is the likeliest to work all the same.
    least = attempts[-1]
    if options.force:
        return least
    names = " and ".join(f"{each.name} ({each.description})" for each in options.devices)
    usable = sum(max(0, each - RESERVED_BYTES) for each in free.values())
    raise EngineError(
        f"{gguf.path.name} takes at least {megabytes(_need(gguf, least).on(1))} of "
        f"{names}, where {megabytes(usable)} can be used; close other programs, use "
        "--backend cpu, fewer --gpu-layers or a lower --batch-tokens, or try it with --force"
    )


def _attempts(
    on_cpu: Placement, options: PlacementOptions, weights: Sequence[int]
) -> Iterator[Placement]:
    """Yield the placements to try on the devices, the best first."""
    n_layers = on_cpu.n_layers
    wanted = n_layers if options.gpu_layers is None else min(options.gpu_layers, n_layers)

    def attempt(layers: int, batch_tokens: int, n_sessions: int) -> Placement:
        return Placement(
            offload=llama.Offload(options.devices, None if layers == n_layers else layers),
            n_layers=n_layers,
            device_bytes=sum(weights[n_layers - layers :]),
            batch_tokens=batch_tokens,
            # A GPU gains by size: a batch is computed at once.
            ubatch_tokens=batch_tokens,
            n_sessions=n_sessions,
        )

    most = _SESSIONS.get(options.devices[0].backend, 2) if wanted == n_layers else 1
    tokens = on_cpu.batch_tokens
    while True:
        for n_sessions in range(most, 0, -1):
            yield attempt(wanted, tokens, n_sessions)
        tokens //= 2
        if options.batch_tokens or tokens < _FEWEST_BATCH_TOKENS:
            break
    if options.gpu_layers is None:
        # The layers that are left keep the CPU busy: a second session would gain nothing.
        for layers in range(n_layers - 1, 0, -1):
            yield attempt(layers, on_cpu.batch_tokens, 1)


def device_need(gguf: llama.GgufInfo, placement: Placement) -> int:
    """Return the bytes that a placement takes on its devices, all together."""
    return _need(gguf, placement).on(len(placement.offload.devices))


@dataclass(frozen=True)
class _Need:
    """What a placement takes of its devices, in bytes.

    Attributes:
        divided: Weights and cache: the devices share them.
        each: Intermediate results: every device has its own.
    """

    divided: int
    each: int

    def on(self, n_devices: int) -> int:
        return self.divided + n_devices * self.each


def _need(gguf: llama.GgufInfo, placement: Placement) -> _Need:
    cache_type, flash_attention = attention_of(gguf.file_type)
    settings = llama.SessionSettings(
        n_batch=placement.batch_tokens,
        n_ubatch=placement.ubatch_tokens,
        # One of a recurrent model has a state, and texts of few tokens are many.
        n_sequences=-(-placement.batch_tokens // _SHORT_TOKENS) if gguf.is_recurrent else 1,
        threads=1,
        cache_type=cache_type,
        flash_attention=flash_attention,
    )
    whole = memory.estimate(gguf, settings, placement.n_sessions)
    cache = whole.cache * placement.gpu_layers // placement.n_layers
    return _Need(placement.device_bytes + cache, whole.compute)


def _group_for(
    need: _Need, free: Mapping[llama.Device, int], layer_bytes: int, all_devices: bool
) -> tuple[llama.Device, ...]:
    """Return the devices that hold what a placement takes; none if they do not."""
    usable = {device: n_bytes - RESERVED_BYTES for device, n_bytes in free.items()}
    if len(free) == 1 or not all_devices:
        for device, room in usable.items():
            if need.on(1) <= room:
                return (device,)
    # llama.cpp divides the layers by the memory that is free, up to one more or less.
    rest = {device: room - need.each - layer_bytes for device, room in usable.items()}
    emptiest = sorted(free, key=lambda device: -free[device])
    for n_devices in range(len(free) if all_devices else 2, len(free) + 1):
        group = emptiest[:n_devices]
        total = sum(free[device] for device in group)
        if all(
            rest[device] > 0 and need.divided * free[device] <= rest[device] * total
            for device in group
        ):
            return tuple(device for device in free if device in group)
    return ()


def _layer_bytes(path: Path, n_blocks: int) -> list[int]:
    """Return the bytes of each layer's weights, the output's last.

    The embedding is always the CPU's; a model without an output of its own has a copy of it there.

    Raises:
        GgufError: If the file is damaged.
    """
    tensors = read_header(path).tensors
    blocks = [0] * n_blocks
    sizes = {tensor.name: tensor.nbytes for tensor in tensors}
    rest = 0
    for name, size in sizes.items():
        found = _BLOCK.match(name)
        if found and int(found[1]) < n_blocks:
            blocks[int(found[1])] += size
        elif name != _EMBEDDING or _OUTPUT not in sizes:
            rest += size
    return [*blocks, rest]
