"""Someone with a home folder, who fetches from a small hub."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import hub_fetch
from tests.helpers.hub_server import HubServer
from tests.helpers.paths import ROOT

REPO = "tiny/llama"
WEIGHTS = "model.safetensors"
LISTING = "/api/models/tiny/llama/revision/main?blobs=true"
NEEDED = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}

_FAULTS = {"free_bytes": None, "disk_full": False, "no_names": False}


@dataclass
class Outcome:
    """What a fetch returned or raised, and what it told the watcher."""

    tasks: list[list[Any]]
    logs: list[str]
    advanced: float
    steps: int
    path: str = ""
    repo: str = ""
    revision: str = ""
    commit: str = ""
    error: str = ""
    elapsed_s: float = 0.0


@dataclass
class User:
    """Someone with a home directory, an environment and a hub."""

    home: Path
    hub: HubServer
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Start Python with the user's variables."""
        clean = {name: value for name, value in os.environ.items() if not _is_of_a_client(name)}
        return subprocess.Popen(
            [sys.executable, *arguments],
            env=clean | self._variables(variables),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def start_fetch(
        self, *args: str, variables: dict[str, str] | None = None, **kwargs: Any
    ) -> subprocess.Popen[str]:
        """Start a fetch in a process of its own; arguments as those of ``fetch``."""
        ask = json.dumps(_ask(args, kwargs))
        return self.start("-m", "tests.helpers.hub_fetch", ask, **(variables or {}))

    def fetch_in_process(self, *args: str, **kwargs: Any) -> Outcome:
        """Fetch in a process of its own; arguments as those of ``fetch``."""
        started = time.monotonic()
        process = self.start_fetch(*args, **kwargs)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return Outcome(**json.loads(out), elapsed_s=time.monotonic() - started)

    def fetch(self, *args: str, variables: dict[str, str] | None = None, **kwargs: Any) -> Outcome:
        """Fetch here, with the constants that the client makes of the user's variables.

        Args:
            args: Those of ``fetch_checkpoint``.
            variables: Of the environment, beside the user's.
            kwargs: Those of ``fetch_checkpoint``, and faults of the machine.
        """
        started = time.monotonic()
        with self.at_home(variables) as patch:
            found = hub_fetch.fetch(_ask(args, kwargs), patch)
        return Outcome(**found, elapsed_s=time.monotonic() - started)

    @contextmanager
    def at_home(self, variables: dict[str, str] | None = None) -> Iterator[pytest.MonkeyPatch]:
        """Let the client here have the constants that it makes of the user's variables.

        Args:
            variables: Of the environment, beside the user's.
        """
        from huggingface_hub import constants

        given = self._variables(variables or {})
        timeout_s = int(given.get("HF_HUB_ETAG_TIMEOUT", constants.DEFAULT_ETAG_TIMEOUT))
        with pytest.MonkeyPatch.context() as patch:
            for name in filter(_is_of_a_client, list(os.environ)):
                patch.delenv(name)
            for name, value in given.items():
                patch.setenv(name, value)
            patch.setattr(constants, "ENDPOINT", given["HF_ENDPOINT"])
            patch.setattr(constants, "HF_HOME", str(self.home))
            patch.setattr(constants, "HF_HUB_CACHE", str(self.home / "hub"))
            patch.setattr(constants, "HF_TOKEN_PATH", str(self.home / "token"))
            patch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", timeout_s)
            patch.setattr(constants, "HF_HUB_OFFLINE", "HF_HUB_OFFLINE" in given)
            yield patch

    def _variables(self, more: dict[str, str]) -> dict[str, str]:
        ours = {"HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "PYTHONUTF8": "1"}
        return ours | self.environment | more

    def asked(self) -> list[str]:
        """Return all paths asked for, less the client's own question of once a day."""
        paths = [request.path for request in self.hub.requests]
        # Old clients write True.
        return [p.replace("=True", "=true") for p in paths if p != "/api/agent-harnesses"]

    def blobs(self, pattern: str) -> list[Path]:
        return sorted(self.home.rglob(f"blobs/{pattern}"))


def _is_of_a_client(name: str) -> bool:
    """Return whether a variable of this machine would change what the user's client does."""
    ours = ("HF_", "HUGGING", "TRANSFORMERS_", "XDG_")
    return name.upper().startswith(ours) or name.upper().endswith("_PROXY")


def _ask(args: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    kwargs = {name: value for name, value in given.items() if name not in _FAULTS}
    faults = _FAULTS | {name: value for name, value in given.items() if name in _FAULTS}
    return {"args": list(args) or [REPO], "kwargs": kwargs, **faults}


def assert_same(found: Outcome, checkpoint: Path, names: set[str]) -> None:
    """Hold a snapshot to the repository: these files, these bytes, and no other file."""
    assert found.error == ""
    snapshot = Path(found.path)
    assert {path.name for path in snapshot.iterdir()} == names
    for name in names:
        assert (snapshot / name).read_bytes() == (checkpoint / name).read_bytes(), name
