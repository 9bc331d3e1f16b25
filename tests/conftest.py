from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeval.checkpoints.convert.convert import convert
from edgeval.engine import Local, kernels, use
from edgeval.gguf import contents
from edgeval.quantization.imatrix import imatrix
from edgeval.records import KernelChoice
from edgeval.sensors import sampler
from edgeval.system.files import KERNEL_FOLDER, cache_folder
from tests.helpers.paths import SHARED
from tests.helpers.tiny import make_checkpoint, make_items, write_items, write_text


@pytest.fixture(autouse=True, scope="session")
def _no_user_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the tests away from the user's caches and cards, and from the network."""
    saved = dict(os.environ)
    os.environ["EDGEVAL_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["EDGEVAL_CARDS"] = str(tmp_path_factory.mktemp("cards"))
    os.environ["HF_HOME"] = str(tmp_path_factory.mktemp("hub"))
    yield
    os.environ.clear()
    os.environ.update(saved)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside a checkout; tests that need it are skipped without it."""
    if not (SHARED / "data").is_dir():
        pytest.skip(f"no {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def real_models() -> Path:
    """The folder of scripts/fetch/real_models.py; tests that need it are skipped without it."""
    if not (named := os.environ.get("EDGEVAL_REAL_MODELS")):
        pytest.skip("EDGEVAL_REAL_MODELS names no folder of scripts/fetch/real_models.py")
    return Path(named)


@pytest.fixture(autouse=True)
def _no_shared_store(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let no test be answered from the scores of another."""
    path = tmp_path_factory.getbasetemp() / uuid.uuid4().hex / "edgeval.db"
    monkeypatch.setenv("EDGEVAL_STORE", str(path))


@pytest.fixture(autouse=True)
def _no_images(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw images where a test is about them alone: what draws them takes a second to start."""
    if request.node.get_closest_marker("images") is None:
        for module in ("pages", "page_files", "suite.pages", "charts.images"):
            path = f"edgeval.report.{module}.images"
            monkeypatch.setattr(path, lambda specs: [{} for _ in specs])


@pytest.fixture(autouse=True)
def _no_sensors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test read this machine's sensors: where one tells a power, an evaluation waits."""
    monkeypatch.setattr(sampler, "of_machine", lambda *_, **__: [])


@pytest.fixture(autouse=True)
def _engine_in_this_process() -> Iterator[None]:
    """Let llama.cpp run where a test can see into it, and not in a process that has to start."""
    with use(Local()):
        yield


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache in which no GGUF is but those that the test makes.

    What was found out about llama.cpp's kernels, which takes seconds, serves it too.
    """
    cache, known = tmp_path / "cache", cache_folder() / KERNEL_FOLDER
    cache.mkdir()
    known.mkdir(exist_ok=True)
    with contextlib.suppress(OSError):  # Windows asks for a privilege.
        (cache / KERNEL_FOLDER).symlink_to(known, target_is_directory=True)
    monkeypatch.setenv("EDGEVAL_CACHE", str(cache))
    return cache


@pytest.fixture
def without_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be read as soon as they are written, where none changes while it is read."""
    monkeypatch.setattr(contents, "_let_times_tell", lambda _: None)


@pytest.fixture
def plain_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU compute with the kernels that it also has where it stands in for a GPU."""
    plain = KernelChoice(kernels="plain")
    monkeypatch.setattr(kernels, "choose", lambda *_, **__: plain)


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny")


@pytest.fixture(scope="session")
def tiny_f32(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(tiny_checkpoint, tmp_path_factory.mktemp("gguf") / "tiny-F32.gguf", "f32")


@pytest.fixture(scope="session")
def tiny_f16(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(tiny_checkpoint, tmp_path_factory.mktemp("gguf") / "tiny-F16.gguf", "f16")


@pytest.fixture(scope="session")
def tiny_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_text(tmp_path_factory.mktemp("text") / "text.txt")


@pytest.fixture(scope="session")
def tiny_matrix(tiny_f16: Path, tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("imatrix") / "imatrix.gguf"
    return imatrix(tiny_f16, tiny_text, out, chunk_tokens=64, chunks=5)


@pytest.fixture(scope="session")
def tiny_items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_items(tmp_path_factory.mktemp("data") / "items.jsonl", make_items(40))
