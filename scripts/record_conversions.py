"""Records what llama.cpp's convert_hf_to_gguf.py makes of the demo checkpoint in all its forms.

The tests hold edgeval's converter to the result, byte for byte and key for key::

    python scripts/record_conversions.py WORK tests/golden/conversions.json

The script and its interpreter are made in the work folder, as by bench_peers.py.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from peers.build import Peers
from peers.process import run

TESTS = Path(__file__).resolve().parent.parent / "tests"
LAUNCHER = Path(__file__).resolve().parent / "peers" / "convert.py"
# What is recorded is made and summed up by the modules of the tests, which are no package.
sys.path.insert(0, str(TESTS))

import checkpoint_forms  # noqa: E402
from conversions import CONVERSIONS, summary  # noqa: E402


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
) -> None:
    """Record the script's files."""
    peers = Peers(work, None, None)
    with tempfile.TemporaryDirectory() as folder:
        forms = Path(folder) / "forms"
        sources = {form: checkpoint_forms.write(form, forms) for form in checkpoint_forms.FORMS}
        jobs = [
            (str(sources[form]), str(Path(folder) / f"{form}-{dtype}.gguf"), dtype)
            for form, dtype in CONVERSIONS
        ]
        listed = Path(folder) / "jobs.json"
        listed.write_text(json.dumps(jobs), encoding="utf-8")
        run([peers.python, "-I", LAUNCHER, peers.source, listed])
        files = {
            f"{form} {dtype}": summary(Path(target))
            for (form, dtype), (_, target, _) in zip(CONVERSIONS, jobs, strict=True)
        }
    record = {"llama-cpp-python": peers.binding_version, **peers.versions, "files": files}
    out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    typer.echo(f"{len(files)} files of {len(sources)} forms recorded in {out}")


if __name__ == "__main__":
    typer.run(main)
