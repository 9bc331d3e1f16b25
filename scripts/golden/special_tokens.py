"""Record which special tokens llama.cpp's script and transformers find in a tokenizer's files.

The tests hold edgeval to both::

    python -m scripts.golden.special_tokens WORK tests/golden/special_tokens.json

The peers are made in the work folder, as by scripts.bench.peers.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from scripts.lib.paths import INSIDE_PEERS
from scripts.lib.peers.build import Peers
from tests.helpers.forms import special_tokens as special_forms


def main(
    work: Annotated[Path, typer.Argument(help="Folder of the peers.")],
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
) -> None:
    """Record what both find."""
    peers = Peers(work, None, None)
    found = {}
    gguf_py = str(peers.source / "gguf-py")
    command = [str(peers.python), "-s", str(INSIDE_PEERS / "special_tokens.py"), gguf_py]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command,
            env={**os.environ, "PYTHONPATH": gguf_py},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
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
