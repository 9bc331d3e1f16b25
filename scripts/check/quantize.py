"""Hold edgeval's quantized files and importance matrices against llama.cpp's own tools.

Example::

    edgeval convert models/demo demo-F16.gguf
    python -m scripts.check.quantize demo-F16.gguf text.txt --workdir work

Every type that the installed llama.cpp writes is made by edgeval and by llama-quantize, without an
importance matrix and with the same one, and their tensors are compared byte by byte. The text is
given to edgeval imatrix and to llama-imatrix, and their sums are compared. The tools are built in
the work folder, once, of the llama.cpp that edgeval itself runs on, unless ``--tools`` names them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from edgeval import llama
from edgeval.errors import EdgevalError
from edgeval.gguf import imatrix_file
from edgeval.gguf.parts import read_header
from edgeval.llama import machine
from edgeval.quantization.imatrix import imatrix
from edgeval.quantization.quantize import quantize
from scripts.lib.peers.build import QUANTIZERS, Peers
from scripts.lib.peers.process import PeerError, run

REFUSED, SAME = "both refuse", "identical"
SUMS_TOLERANCE = 1e-3
"""Both sum in float32, each in an order of its own."""

_FORMATS_TYPE = "Q4_K_M"


def main(
    gguf: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="F16 or F32 GGUF.")],
    text: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="UTF-8 text.")],
    workdir: Annotated[Path, typer.Option(help="Folder for the tools and the files.")],
    types: Annotated[
        str | None, typer.Option(help="Types to make.", show_default="all that llama.cpp writes")
    ] = None,
    tools: Annotated[
        Path | None, typer.Option(help="Folder of llama-quantize and llama-imatrix.")
    ] = None,
    chunks: Annotated[int, typer.Option(min=1, help="Chunks of the text that are read.")] = 100,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads.", show_default="physical cores")
    ] = None,
) -> None:
    """Print what is the same and what is not; exit with 1 if anything is not.

    Raises:
        EdgevalError: If edgeval cannot use the model or the text.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    work, tools = workdir.absolute(), tools and tools.absolute()
    programs = Peers(work, tools, None, QUANTIZERS).tools
    check = _Check(gguf.absolute(), work, programs, threads or machine.physical_cores())
    names = llama.writable_types() if types is None else types.split(",")
    typer.echo(f"{gguf.name} beside the tools of {llama.engine_version()}")
    matrices = check.matrices(text.absolute(), chunks)
    results = [_matrix_difference(*matrices[:2])]
    typer.echo(f"{'imatrix':<12}{results[0]}")
    for matrix in matrices[1:]:
        results.append(check.type(_FORMATS_TYPE, matrix))
        typer.echo(f"{_FORMATS_TYPE:<12}with {matrix.name}: {results[-1]}")
    typer.echo(f"{'type':<12}{'plain':<40}with {matrices[0].name}")
    for name in names:
        found = check.type(name, None), check.type(name, matrices[0])
        typer.echo(f"{name:<12}{found[0]:<40}{found[1]}")
        results += found
    if not all(result.startswith((SAME, REFUSED)) for result in results):
        raise typer.Exit(1)


class _Check:
    """Makes the same files with edgeval and with llama.cpp's tools."""

    def __init__(self, gguf: Path, work: Path, tools: dict[str, Path], threads: int) -> None:
        self._gguf = gguf
        self._work = work
        self._tools = tools
        self._threads = threads

    def matrices(self, text: Path, chunks: int) -> list[Path]:
        """Return llama-imatrix's matrix, edgeval's, and llama-imatrix's in the format before."""
        names = ("llama-imatrix.gguf", "edgeval.gguf", "llama-imatrix.dat")
        theirs, ours, legacy = (self._work / name for name in names)
        for path in (theirs, ours, legacy):
            path.unlink(missing_ok=True)
        for path, form in ((theirs, "gguf"), (legacy, "dat")):
            what = ["-m", self._gguf, "-f", text, "-o", path, "--output-format", form]
            how = ["--no-ppl", "--chunks", str(chunks), "-t", str(self._threads)]
            run([self._tools["llama-imatrix"], *what, *how])
        imatrix(self._gguf, text, ours, chunks=chunks, threads=self._threads)
        return [theirs, ours, legacy]

    def type(self, name: str, matrix: Path | None) -> str:
        """Return how a type's files compare."""
        theirs = self._work / "llama-quantize.gguf"
        options = [] if matrix is None else ["--imatrix", matrix.name]
        command = [self._tools["llama-quantize"], *options, self._gguf, theirs, name]
        ours: list[Path] = []
        reasons = []
        try:
            run([*command, str(self._threads)], cwd=self._work)
        except PeerError:
            reasons.append("llama-quantize refuses")
        try:
            folder = self._work / "edgeval"
            ours = quantize(self._gguf, [name], folder, imatrix=matrix, threads=self._threads)
        except EdgevalError as error:
            reasons.append(f"edgeval refuses: {error}")
        try:
            if reasons:
                return REFUSED if len(reasons) == 2 else reasons[0]
            return _difference(ours[0], theirs)
        finally:
            for path in (*ours, theirs):
                path.unlink(missing_ok=True)


def _difference(ours: Path, theirs: Path) -> str:
    """Compare the tensors of two GGUFs, and what llama-quantize says of the importance matrix."""
    a, b = read_header(ours), read_header(theirs)
    if [(t.name, t.shape, t.type) for t in a.tensors] != [
        (t.name, t.shape, t.type) for t in b.tensors
    ]:
        return "other tensors"
    pairs = zip(a.tensors, b.tensors, strict=True)
    different = [x.name for x, y in pairs if not np.array_equal(a.raw(x), b.raw(y))]
    if different:
        return f"{len(different)} of {len(a.tensors)} tensors differ, first {different[0]}"
    keys = {key for key in (*a.metadata, *b.metadata) if not key.startswith("edgeval.")}
    other = sorted(key for key in keys if str(a.metadata.get(key)) != str(b.metadata.get(key)))
    # The data set is named with its folder there and without it here.
    if set(other) - {"quantize.imatrix.dataset"}:
        return f"the tensors are the same, but not {', '.join(other)}"
    return f"{SAME}, {len(a.tensors)} tensors"


def _matrix_difference(theirs: Path, ours: Path) -> str:
    """Compare two importance matrices: layout, counts, and how far the sums are apart."""
    a, b = read_header(ours), read_header(theirs)
    if [(t.name, t.shape, t.offset) for t in a.tensors] != [
        (t.name, t.shape, t.offset - b.data_offset + a.data_offset) for t in b.tensors
    ]:
        return "other tensors"
    if list(a.metadata) != list(b.metadata):
        return f"other keys: {', '.join(a.metadata)}"
    found, expected = imatrix_file.read(ours).entries, imatrix_file.read(theirs).entries
    if any(found[name].counts.tolist() != expected[name].counts.tolist() for name in expected):
        return "other counts"
    largest = 0.0
    for name, entry in expected.items():
        apart = np.abs(found[name].sums - entry.sums) / np.maximum(entry.sums, 1e-30)
        largest = max(largest, float(apart.max()))
    verdict = SAME if largest <= SUMS_TOLERANCE else "different"
    rows = int(max(entry.counts.max() for entry in found.values()))
    return (
        f"{verdict} names, shapes and counts ({len(found)} tensors, {rows:,} rows); sums within "
        f"{largest:.2g}"
    )


if __name__ == "__main__":
    typer.run(main)
