"""How much of a model goes to which GPUs, by the memory that is free there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from edgeval import llama
from edgeval.errors import EngineError
from edgeval.gguf.parts import read_header
from edgeval.llama import memory, placement
from edgeval.llama.defaults import attention_of
from edgeval.llama.memory import Memory
from edgeval.llama.placement import Placement, PlacementOptions, place
from tests.helpers.fakes import make_device
from tests.helpers.fuzz.ggufs import small_file

RESERVED = placement.RESERVED_BYTES
N_LAYERS = 3
MEGABYTE = 10**6


@pytest.fixture(scope="module")
def tiny(tiny_f16: Path) -> Iterator[llama.GgufInfo]:
    with llama.Tokenizer(tiny_f16) as vocabulary:
        yield vocabulary.info


@pytest.fixture(scope="module")
def exact(tiny_f32: Path) -> Iterator[llama.GgufInfo]:
    with llama.Tokenizer(tiny_f32) as vocabulary:
        yield vocabulary.info


def _devices(*free: int, backend: str = "cuda") -> tuple[llama.Device, ...]:
    return tuple(
        make_device(backend, number, free=RESERVED + each) for number, each in enumerate(free)
    )


def _need(vocabulary: llama.GgufInfo, found: Placement) -> tuple[int, int]:
    """Return the bytes that the devices share, and those that each of them takes."""
    cache, flash = attention_of(vocabulary.file_type)
    tokens = found.batch_tokens
    settings = llama.SessionSettings(tokens, found.ubatch_tokens, 1, 1, cache, flash)
    need = memory.estimate(vocabulary, settings, found.n_sessions)
    return (
        found.device_bytes + need.cache * found.gpu_layers // found.n_layers,
        need.compute,
    )


def _whole(vocabulary: llama.GgufInfo, tokens: int, n_sessions: int) -> int:
    """Return the bytes that the whole model takes of a device."""
    found = place(vocabulary, PlacementOptions(_devices(2**40), batch_tokens=tokens))
    return sum(_need(vocabulary, replace(found, n_sessions=n_sessions)))


def test_without_gpus_all_is_the_cpus(tiny: llama.GgufInfo, exact: llama.GgufInfo) -> None:
    assert place(tiny, PlacementOptions()) == Placement(llama.CPU, N_LAYERS, 0, 1024, 512, 1)
    assert place(exact, PlacementOptions()) == Placement(llama.CPU, N_LAYERS, 0, 256, 512, 1)
    assert place(tiny, PlacementOptions(batch_tokens=77)).batch_tokens == 77
    assert place(tiny, PlacementOptions()).gpu_layers == 0


def test_one_device_that_holds_it_all_is_used_alone(
    tiny: llama.GgufInfo, exact: llama.GgufInfo
) -> None:
    both = _devices(10**9, 10**10)
    found = place(tiny, PlacementOptions(both))
    assert found.offload == llama.Offload(both[:1])
    assert (found.gpu_layers, found.n_layers) == (N_LAYERS, N_LAYERS)
    assert (found.batch_tokens, found.ubatch_tokens, found.n_sessions) == (1024, 1024, 3)
    found = place(exact, PlacementOptions(both))
    assert (found.batch_tokens, found.ubatch_tokens, found.n_sessions) == (256, 256, 3)
    assert place(tiny, PlacementOptions(_devices(10**9, backend="metal"))).n_sessions == 2


def test_the_second_device_is_used_where_the_first_is_full(tiny: llama.GgufInfo) -> None:
    both = _devices(0, 10**9)
    assert place(tiny, PlacementOptions(both)).offload == llama.Offload(both[1:])


def test_what_a_placement_takes_of_its_devices(tiny: llama.GgufInfo) -> None:
    both = _devices(10**9, 10**9)
    for wishes in (
        PlacementOptions(both),
        PlacementOptions(both, all_devices=True),
        PlacementOptions(both, gpu_layers=1),
    ):
        found = place(tiny, wishes)
        divided, each = _need(tiny, found)
        n_devices = len(found.offload.devices)
        assert placement.device_need(tiny, found) == divided + n_devices * each > 0


def test_devices_that_were_named_are_all_used(tiny: llama.GgufInfo) -> None:
    both = _devices(10**9, 10**10)
    assert place(tiny, PlacementOptions(both, all_devices=True)).offload == llama.Offload(both)
    one = both[:1]
    assert place(tiny, PlacementOptions(one, all_devices=True)).offload == llama.Offload(one)


def test_several_devices_hold_what_none_holds_alone(tiny: llama.GgufInfo) -> None:
    room = _whole(tiny, 256, 1) - 1
    three = (make_device("cuda", 0, free=0), *(_devices(0, room, room)[1:]))
    found = place(tiny, PlacementOptions(three, batch_tokens=256))
    assert found.offload == llama.Offload(three[1:])
    assert (found.gpu_layers, found.n_sessions) == (N_LAYERS, 1)
    # Where all were named, the full one counts too.
    with pytest.raises(EngineError, match=r"CUDA0 .* and CUDA1 .* and CUDA2"):
        place(tiny, PlacementOptions(three, all_devices=True))


def test_less_memory_takes_sessions_then_the_batch_then_layers(tiny: llama.GgufInfo) -> None:
    steps = [(1024, 3), (1024, 2), (1024, 1), (512, 3), (512, 2), (512, 1), (256, 3), (256, 1)]
    for tokens, n_sessions in steps:
        room = _whole(tiny, tokens, n_sessions)
        found = place(tiny, PlacementOptions(_devices(room)))
        # A larger number of a smaller batch may take less than a smaller one of a larger batch.
        assert (found.batch_tokens, found.n_sessions) >= (tokens, n_sessions)
        assert found.gpu_layers == N_LAYERS
        assert sum(_need(tiny, found)) <= room
    least = _whole(tiny, 256, 1)
    assert place(tiny, PlacementOptions(_devices(least))).gpu_layers == N_LAYERS
    assert place(tiny, PlacementOptions(_devices(least), batch_tokens=256)).gpu_layers == N_LAYERS


def test_layers_are_left_to_the_cpu_where_the_smallest_batch_is_too_large(
    exact: llama.GgufInfo,
) -> None:
    whole = place(exact, PlacementOptions(_devices(_whole(exact, 256, 1))))
    assert (whole.gpu_layers, whole.n_sessions, whole.offload.layers) == (N_LAYERS, 1, None)
    found = place(exact, PlacementOptions(_devices(_whole(exact, 256, 1) - 1)))
    assert (found.gpu_layers, found.offload.layers) == (N_LAYERS - 1, N_LAYERS - 1)
    assert (found.n_sessions, found.batch_tokens, found.ubatch_tokens) == (1, 256, 256)
    assert found.device_bytes < whole.device_bytes


def test_a_batch_that_was_asked_for_is_kept(tiny: llama.GgufInfo) -> None:
    two_layers = place(tiny, PlacementOptions(_devices(10**9), gpu_layers=2))
    room = sum(_need(tiny, two_layers))
    found = place(tiny, PlacementOptions(_devices(room)))
    assert (found.batch_tokens, found.gpu_layers) == (512, N_LAYERS)
    found = place(tiny, PlacementOptions(_devices(room), batch_tokens=1024))
    assert (found.batch_tokens, found.ubatch_tokens, found.gpu_layers) == (1024, 1024, 2)


def test_layers_that_were_asked_for_are_there_or_refused(tiny: llama.GgufInfo) -> None:
    found = place(tiny, PlacementOptions(_devices(10**9), gpu_layers=2))
    assert (found.gpu_layers, found.offload.layers, found.n_sessions) == (2, 2, 1)
    # The key of a score has the layers and the batch: with them, the rest is the same.
    assert found.ubatch_tokens == found.batch_tokens == 1024
    assert place(tiny, PlacementOptions(_devices(10**9), gpu_layers=99)).offload.layers is None
    few = PlacementOptions(_devices(sum(_need(tiny, found))), gpu_layers=2)
    assert place(tiny, few) == replace(found, offload=llama.Offload(few.devices, 2))
    with pytest.raises(EngineError, match=r"CUDA0 \(Cuda Card\), where 0 MB can be used"):
        place(tiny, PlacementOptions(_devices(0), gpu_layers=2))


def test_nothing_that_fits_is_a_sentence(tiny: llama.GgufInfo) -> None:
    with pytest.raises(EngineError) as caught:
        place(tiny, PlacementOptions(_devices(-RESERVED, 3 * MEGABYTE), batch_tokens=1024))
    assert str(caught.value) == (
        "tiny-F16.gguf takes at least 11 MB of CUDA0 (Cuda Card) and CUDA1 (Cuda Card), where 3 MB "
        "can be used; close other programs, use --backend cpu, fewer --gpu-layers or a lower "
        "--batch-tokens, or try it with --force"
    )


def test_force_tries_what_takes_least(tiny: llama.GgufInfo) -> None:
    full = _devices(0)
    assert place(tiny, PlacementOptions(full, force=True)).gpu_layers == 1
    found = place(tiny, PlacementOptions(full, gpu_layers=99, force=True))
    assert (found.gpu_layers, found.n_sessions, found.batch_tokens) == (N_LAYERS, 1, 256)
    # What fits is not changed by it.
    roomy = _devices(10**9, 10**9)
    assert place(tiny, PlacementOptions(roomy, force=True)) == place(tiny, PlacementOptions(roomy))


@given(
    free=st.lists(st.integers(0, 60 * MEGABYTE), min_size=1, max_size=3),
    more=st.lists(st.integers(0, 60 * MEGABYTE), min_size=3, max_size=3),
    all_devices=st.booleans(),
    batch_tokens=st.sampled_from([None, 100, 1024]),
)
@hypothesis_settings(deadline=None, max_examples=60)
def test_what_is_chosen_fits_and_more_memory_never_gives_less(
    tiny: llama.GgufInfo,
    free: list[int],
    more: list[int],
    all_devices: bool,
    batch_tokens: int | None,
) -> None:
    def layers_with(rooms: list[int]) -> int:
        wishes = PlacementOptions(
            _devices(*rooms), all_devices=all_devices, batch_tokens=batch_tokens
        )
        try:
            found = place(tiny, wishes)
        except EngineError:
            return 0
        used = [rooms[wishes.devices.index(device)] for device in found.offload.devices]
        divided, each = _need(tiny, found)
        assert divided + len(used) * each <= sum(used)
        # llama.cpp divides by what is free.
        total = sum(used) + len(used) * RESERVED
        shares = [divided * (room + RESERVED) / total + each for room in used]
        assert all(share <= room for share, room in zip(shares, used, strict=True))
        assert not all_devices or len(used) == len(rooms)
        return found.gpu_layers

    added = [room + extra for room, extra in zip(free, more, strict=False)]
    assert layers_with(free) <= layers_with(added)


def test_all_layers_are_all_tensors_but_the_embedding(tiny: llama.GgufInfo) -> None:
    tensors = {each.name: each.nbytes for each in read_header(tiny.path).tensors}
    layers = placement._layer_bytes(tiny.path, 2)
    assert len(layers) == N_LAYERS
    assert sum(layers) == sum(tensors.values()) - tensors["token_embd.weight"]
    assert layers[-1] == tensors["output.weight"] + tensors["output_norm.weight"]
    assert layers[0] == layers[1]
    whole = place(tiny, PlacementOptions(_devices(10**9)))
    assert whole.device_bytes == sum(layers)
    part = place(tiny, PlacementOptions(_devices(10**9), gpu_layers=2))
    assert part.device_bytes == sum(layers[1:])


def test_a_tied_output_is_a_copy_of_the_embedding(tmp_path: Path) -> None:
    file = small_file()
    file.tensors = [each for each in file.tensors if each.name != "output.weight"]
    path = tmp_path / "tied.gguf"
    path.write_bytes(file.encoded())
    tensors = {each.name: each.nbytes for each in read_header(path).tensors}
    layers = placement._layer_bytes(path, 2)
    assert sum(layers) == sum(tensors.values())
    assert layers[-1] == tensors["token_embd.weight"] + tensors["output_norm.weight"]


def test_the_machine_keeps_what_the_devices_do_not(tiny: llama.GgufInfo) -> None:
    need = Memory(weights=3_000_000, cache=300, logits=50, compute=7)
    assert place(tiny, PlacementOptions()).left_to_machine(need) == need
    metal = (make_device("metal", is_integrated=True),)
    assert place(tiny, PlacementOptions(metal)).left_to_machine(need) == need
    whole = place(tiny, PlacementOptions(_devices(10**9)))
    rest = 3_000_000 - whole.device_bytes
    assert whole.left_to_machine(need) == Memory(rest, 0, 50, 0)
    part = place(tiny, PlacementOptions(_devices(10**9), gpu_layers=1))
    rest = 3_000_000 - part.device_bytes
    assert part.left_to_machine(need) == Memory(rest, 200, 50, 7)
