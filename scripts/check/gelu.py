"""Gemma 3's log-probabilities with llama.cpp's GELU, and with an exact one.

On the CPU llama.cpp looks GELU up in a table of half precision (``GGML_GELU_FP16`` in
``ggml/src/ggml-cpu/vec.h``). So an F32 GGUF of a model with GELU is farther from
lm-evaluation-harness than one of a Llama model. Here the library is built once more without the
table, from the binding's own source, and both are compared with what the harness said::

    python -m scripts.fetch.real_models MODELS
    python -m scripts.check.gelu WORK MODELS hellaswag_val_fifth.jsonl

Needs a C++ compiler; for Linux and macOS.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Annotated

import llama_cpp
import numpy as np
import typer

from scripts.lib.paths import ROOT
from scripts.lib.peers.bench import EDGEVAL
from scripts.lib.peers.build import CMAKE_OPTIONS, Peers
from scripts.lib.peers.process import run
from scripts.lib.real_models import GEMMA3

RECORDED = ROOT / "tests" / "golden" / "real_models.json"
PROTOCOLS = {"lm-eval-bos": "default", "lm-eval": "without_bos"}
"""edgeval's protocols, and what the record calls the same policy of BOS."""

_HEADER = Path("ggml", "src", "ggml-cpu", "vec.h")
_TABLE = "#define GGML_GELU_FP16\n"


def without_table(peers: Peers, work: Path) -> Path:
    """Return a folder of the binding's libraries, that for the CPU built without the table."""
    libraries = work / "libraries"
    if libraries.exists():
        return libraries
    source, build, part = work / "source-without-table", work / "build-without-table", work / "part"
    shutil.copytree(peers.source, source, dirs_exist_ok=True)
    text = (source / _HEADER).read_text(encoding="utf-8")
    if _TABLE not in text:
        raise SystemExit(f"this llama.cpp has no {_TABLE.strip()}")
    (source / _HEADER).write_text(text.replace(_TABLE, ""), encoding="utf-8")
    cmake = peers.cmake()
    run([*cmake, "-S", source, "-B", build, "-DBUILD_SHARED_LIBS=ON", *CMAKE_OPTIONS])
    jobs = str(os.cpu_count() or 1)
    run([*cmake, "--build", build, "--parallel", jobs, "--target", "ggml-cpu"])
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(Path(llama_cpp.__file__).parent / "lib", part)
    for path in (build / "bin").glob("libggml-cpu.*"):
        shutil.copy(path, part)
    return part.rename(libraries)


def main(
    work: Annotated[Path, typer.Argument(help="Folder of what is made.")],
    models: Annotated[Path, typer.Argument(exists=True, help="Folder of the models.")],
    data: Annotated[Path, typer.Argument(exists=True, help="Items in the hub's schema.")],
) -> None:
    """Print how far both are from the harness."""
    work = work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    changed = without_table(Peers(work, None, None), work)
    gguf = models.absolute() / GEMMA3.file.name
    run([*EDGEVAL, "quantize", gguf, "F32", "--requantize", "--out-dir", work])
    (expanded,) = work.glob("*-F32.gguf")
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))["harness"]["gemma3"]["policies"]
    samples = work / "samples.jsonl"
    for title, environment in (
        ("as it is", {}),
        ("without the table", {"LLAMA_CPP_LIB_PATH": str(changed)}),
    ):
        for protocol, policy in PROTOCOLS.items():
            expected = np.array(recorded[policy]["logprobs"])
            samples.unlink(missing_ok=True)
            asked = ("--data", data.absolute(), "--protocol", protocol, "--order", "file")
            how = ("--limit", len(expected), "--samples", samples, "--store", work / "scores.db")
            run([*EDGEVAL, "eval", expanded, *asked, *how], env=environment)
            rows = [json.loads(line) for line in samples.read_text(encoding="utf-8").splitlines()]
            apart = np.abs(np.array([row["logprobs"] for row in rows]) - expected)
            typer.echo(
                f"{title}, {protocol}: {len(rows)} items, at most {apart.max():.4f} nats, "
                f"median {np.median(apart):.4f}"
            )


if __name__ == "__main__":
    typer.run(main)
