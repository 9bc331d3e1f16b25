"""Records which special tokens llama.cpp's script and transformers find in a tokenizer's files.

The tests hold edgeval to both::

    python scripts/record_special_tokens.py WORK tests/golden/special_tokens.json

The peers are made in the work folder, as by bench_peers.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from peers.build import Peers

TESTS = Path(__file__).resolve().parent.parent / "tests"
ASK = Path(__file__).resolve().parent / "peers" / "special_tokens.py"
# What is recorded is made by the modules of the tests, which are no package.
sys.path.insert(0, str(TESTS))

import special_forms  # noqa: E402


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
) -> None:
    """Record what both find."""
    peers = Peers(work, None, None)
    found = {}
    command = [str(peers.python), "-I", str(ASK), str(peers.source)]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdin and process.stdout
        for name, form in special_forms.forms():
            path = special_forms.write(form, Path(folder) / "tokenizer")
            print(json.dumps([str(path), special_forms.VOCAB_SIZE]), file=process.stdin, flush=True)
            found[name] = json.loads(process.stdout.readline())
        process.stdin.close()
    record = {"llama-cpp-python": peers.binding_version, **peers.versions}
    # One line a tokenizer.
    lines = ",\n".join(
        f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in found.items()
    )
    head = json.dumps(record, indent=1).removesuffix("\n}")
    out.write_text(f'{head},\n "found": {{\n{lines}\n }}\n}}\n', encoding="utf-8")
    typer.echo(f"{len(found)} tokenizers recorded in {out}")


if __name__ == "__main__":
    typer.run(main)
