"""GGUF to GGUF at another type, with llama.cpp's quantizer."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgeval import llama
from edgeval.engine import running
from edgeval.errors import EdgevalError, GgufError
from edgeval.gguf import imatrix_file
from edgeval.gguf.architectures import not_quantized
from edgeval.gguf.contents import held
from edgeval.gguf.header import Header
from edgeval.gguf.imatrix_file import ImportanceMatrix
from edgeval.gguf.part_names import model_stem
from edgeval.gguf.parts import model_files, read_header
from edgeval.gguf.remarks import of_file
from edgeval.gguf.type_mix import mix_to_be
from edgeval.gguf.types import FILE_TYPES
from edgeval.llama.machine import physical_cores
from edgeval.quantization.provenance import Provenance
from edgeval.records import UNQUANTIZED
from edgeval.system.files import replacing
from edgeval.system.progress import NoProgress, Progress, ProgressOption, progress_of

_TENSOR_LINE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_HEADER_BYTES = 16 * 1024 * 1024


@running()
def quantize(
    source: str | Path,
    types: Sequence[str],
    out_dir: str | Path | None = None,
    *,
    imatrix: str | Path | None = None,
    requantize: bool = False,
    threads: int | None = None,
    progress: ProgressOption = "auto",
) -> list[Path]:
    """Quantize a GGUF to several types.

    A file that is there already is used again if it says that it was made of the same source with
    the same importance matrix and engine.

    Args:
        source: An F32, F16 or BF16 GGUF; of a split one any of its files.
        types: llama.cpp's names, for example ``Q4_K_M``; case does not matter.
        out_dir: Where to write; by default beside the source.
        imatrix: An importance matrix, in either format of llama.cpp.
        requantize: Whether the source may be quantized already.
        threads: CPU threads; by default one a physical core.
        progress: Where to show progress; None for nowhere.

    Returns:
        The files, in the order of ``types``, named ``SOURCE-TYPE.gguf``.

    Raises:
        EngineError: If a type is unknown, or llama.cpp refuses the file.
        EdgevalError: If the source is quantized already, the importance matrix is missing for a
            type, damaged or of another model, or a target exists that is no such file.
    """
    bars = progress_of(progress)
    source = model_files(Path(source))[0]
    # Q4_K is Q4_K_M.
    with running() as engine:
        names = list(dict.fromkeys(engine.writable_type(name) for name in types))
    header = read_header(source)
    if other := not_quantized(header):
        raise EdgevalError(
            f"{source} is {other}, so it has no weights to quantize; quantize the GGUF of a model"
        )
    found = header.file_type
    if found not in UNQUANTIZED and not requantize:
        raise EdgevalError(
            f"{source} is {found} already, and quantizing it again would measure two losses at "
            "once; start from an F16 GGUF or the checkpoint, or allow it with --requantize"
        )
    matrix = None if imatrix is None else imatrix_file.read(Path(imatrix))
    if matrix is not None:
        matrix.require_fit(header)
    recipes = [recipe_of(source, name, matrix) for name in names]
    for warning in _warnings(header, recipes):
        bars.log(warning)
    stem = re.sub(rf"[-.]{re.escape(found)}$", "", model_stem(source), flags=re.IGNORECASE)
    targets = [Path(out_dir or source.parent) / f"{stem}-{name}.gguf" for name in names]
    with held(model_files(source), bars) as contents:
        origin = Provenance(contents, matrix)
        to_make = []
        for recipe, target in zip(recipes, targets, strict=True):
            if target.exists():
                _require_same(target, recipe.name, origin)
                bars.log(f"{target} is there already, made of the same source; it is used again")
            else:
                to_make.append((recipe, target))
        for recipe, target in to_make:
            quantize_to(
                source,
                target,
                recipe,
                origin,
                requantize=requantize,
                threads=threads,
                progress=bars,
            )
    return targets


def _warnings(source: Header, recipes: Sequence[llama.Recipe]) -> Iterator[str]:
    """Yield which files will not be what their types say, and which are to have equal tensors."""
    first: dict[frozenset[tuple[str, str]], str] = {}
    for recipe in recipes:
        for remark in of_file(recipe.name, mix_to_be(source, recipe.name, recipe.types), None):
            yield f"{recipe.name}: {remark}"
        other = first.setdefault(frozenset(recipe.types.items()), recipe.name)
        if other != recipe.name:
            yield f"{recipe.name}: its tensors are those of {other}."


def recipe_of(source: Path, name: str, matrix: ImportanceMatrix | None) -> llama.Recipe:
    """Return what quantizing a GGUF to a type will make.

    Args:
        source: The GGUF.
        name: Canonical name of a file type.
        matrix: The importance matrix, if there is one.

    Raises:
        EngineError: If llama.cpp cannot write the type, or refuses the file.
        EdgevalError: If the type needs an importance matrix, and there is none, or none for a
            tensor.
    """
    weights = matrix.weights if matrix else None
    with running() as engine:
        recipe = engine.recipe(source, engine.writable_type(name), weights)
    for tensor in recipe.needing_importances:
        if matrix is None:
            raise EdgevalError(
                f"{name} needs an importance matrix; make one with edgeval imatrix {source.name} "
                "--data TEXT --out FILE, and name it with --imatrix FILE"
            )
        if tensor not in matrix.entries:
            raise EdgevalError(
                f"{name} needs an importance matrix of {tensor}, and {matrix.path} has none; "
                "make one of the whole model with edgeval imatrix"
            )
    return recipe


def quantize_to(
    source: Path,
    target: Path,
    recipe: llama.Recipe,
    origin: Provenance,
    *,
    requantize: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Quantize one GGUF by a recipe; the file will say what it was made of.

    Raises:
        ChangedFileError: If the source changes meanwhile; nothing is left then.
    """
    bars = progress or NoProgress()
    with (
        replacing(target, recipe.tensor_bytes + _HEADER_BYTES) as temporary,
        bars.task(f"quantize to {recipe.name}", None, "tensors") as task,
        running() as engine,
    ):
        lines = engine.quantize(
            source,
            temporary,
            recipe.name,
            threads or physical_cores(),
            weights=origin.matrix.weights if origin.matrix else None,
            metadata=origin.metadata,
            requantize=requantize,
        )
        done = 0
        # Closed before the temporary file is removed: nobody writes it any more then.
        with contextlib.closing(lines):
            for line in lines:
                if match := _TENSOR_LINE.match(line):
                    current, total = int(match[1]), int(match[2])
                    task.resize(total)
                    task.advance(current - done)
                    done = current
        origin.source.require_unchanged("it was quantized")


def _require_same(target: Path, name: str, origin: Provenance) -> None:
    """Refuse a file that is there and not what would be made.

    Raises:
        EdgevalError: If it is not.
    """
    try:
        metadata = read_header(target).metadata
    except GgufError as error:
        reason = f"it is no GGUF that could be used again ({error})"
        raise _exists(target, reason) from error
    if metadata.get("general.file_type") != FILE_TYPES[name]:
        raise _exists(target, f"it is not {name}")
    if difference := origin.difference(metadata):
        raise _exists(target, difference)


def _exists(target: Path, reason: str) -> EdgevalError:
    return EdgevalError(
        f"{target} exists already, and {reason}; remove it or choose another folder with --out-dir"
    )
