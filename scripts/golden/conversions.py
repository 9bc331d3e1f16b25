"""Record what llama.cpp's convert_hf_to_gguf.py makes of the demo checkpoint in all its forms.

The tests hold edgeval's converter to the result, byte for byte and key for key::

    python -m scripts.golden.conversions WORK tests/golden/conversions.json

The script and its interpreter are made in the work folder, as by scripts.bench.peers. At the end it
says how many of the tests' texts the script's own files give other tokens than the tokenizer does.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from tokenizers import Tokenizer

from edgeval import llama
from scripts.lib.paths import INSIDE_PEERS
from scripts.lib.peers.build import Peers
from scripts.lib.peers.process import run
from tests.helpers.forms import checkpoints as checkpoint_forms
from tests.helpers.forms.conversions import CONVERSIONS, summary
from tests.helpers.texts import N_TEXTS, make_texts


def n_mistaken(gguf: Path, tokenizer_json: Path) -> int:
    """Return how many texts get other tokens of a GGUF than of the tokenizer it was made of."""
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    with llama.Tokenizer(gguf) as vocabulary:
        return sum(
            vocabulary.tokenize(text, parse_special=True).tolist()
            != tokenizer.encode(text, add_special_tokens=False).ids
            for text in make_texts()
        )


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
        convert = [peers.python, "-s", INSIDE_PEERS / "convert.py", listed]
        run(convert, env={"PYTHONPATH": str(peers.source)})
        files = {
            f"{form} {dtype}": summary(Path(target))
            for (form, dtype), (_, target, _) in zip(CONVERSIONS, jobs, strict=True)
        }
        mistaken = {
            form: n_mistaken(Path(folder) / f"{form}-f16.gguf", directory / "tokenizer.json")
            for form, directory in sources.items()
            if (directory / "tokenizer.json").is_file()
        }
    record = {"llama-cpp-python": peers.binding_version, **peers.versions, "files": files}
    out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    typer.echo(f"{len(files)} files of {len(sources)} forms recorded in {out}")
    for form, n in mistaken.items():
        typer.echo(f"{form}: the script's file gives {n:,} of {N_TEXTS:,} texts other tokens")


if __name__ == "__main__":
    typer.run(main)
