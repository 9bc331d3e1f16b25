"""Commands of llama.cpp that run a GGUF, as a shell takes them."""

from __future__ import annotations

import re
import shlex
from pathlib import PurePosixPath

from edgeval.evaluation.pick.choices import Choice
from edgeval.hub.gguf_repo import GgufRepo, RemoteGguf


def run_command(choice: Choice) -> str:
    """Return the command that runs a GGUF wherever it is had: of the hub by its repository.

    llama.cpp downloads from the default branch only; of another one it takes the file.
    """
    if choice.repo is not None and choice.gguf is not None:
        if choice.repo.revision == "main":
            return shlex.join(["llama-server", *_of_hub(choice.repo, choice.gguf)])
        return shlex.join(["llama-server", "-m", PurePosixPath(choice.gguf.name).name])
    return shlex.join(["llama-server", "-m", choice.shown_name])


def _of_hub(repo: GgufRepo, gguf: RemoteGguf) -> list[str]:
    """Return the options that name a GGUF of the hub, by its type if that means it alone.

    llama.cpp takes the first file in whose path the type stands before a point or a hyphen, in
    either case (``find_best_model`` in common/download.cpp): ``F16`` may mean ``BF16``.
    """
    pattern = re.compile(re.escape(gguf.label) + "[.-]", re.IGNORECASE)
    meant = [each for each in repo.ggufs if any(pattern.search(file.name) for file in each.files)]
    if meant == [gguf]:
        return ["-hf", f"{repo.repo}:{gguf.label}"]
    return ["-hf", repo.repo, "--hf-file", gguf.name]
