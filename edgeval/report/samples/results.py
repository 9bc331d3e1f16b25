"""Results beside samples: which model, which version, how many shots, and what differs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edgeval.errors import DataError
from edgeval.hub.names import redacted
from edgeval.system.sharing import shareable_text
from edgeval.system.untrusted import UnreadableError, printable, read_json

_MAX_BYTES: Final = 64_000_000
_SECRET: Final = re.compile(r"key|token|secret|password|auth", re.IGNORECASE)
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")
_NAMES_OF_MODELS: Final = frozenset(("pretrained", "model", "path", "peft", "gguf_file"))
_MAX_ARGUMENTS: Final = 50
_SHOWN: Final = 80

_OF_RUNS: Final = {
    "lm-evaluation-harness": ("lm_eval_version",),
    "its commit": ("git_hash",),
    "backend": ("config", "model"),
    "dtype": ("config", "model_dtype"),
    "transformers": ("transformers_version",),
    "device": ("config", "device"),
    "batch size": ("config", "batch_size"),
    "limit": ("config", "limit"),
    "arguments of generation": ("config", "gen_kwargs"),
    "chat template": ("chat_template_sha",),
    "system instruction": ("system_instruction_sha",),
    "shots as turns": ("fewshot_as_multiturn",),
    "seed of shots": ("config", "fewshot_seed"),
}
"""What a run is described by, and where it stands in a file of results."""

_OF_TASKS: Final = {"version": "versions", "shots": "n-shot"}
_NOT_CONFIGURED: Final = frozenset(
    ("metadata", "num_fewshot", "dataset_kwargs", "task", "config_source")
)
"""Parts of a task's configuration that stand elsewhere too, or name files of one machine."""


@dataclass(frozen=True)
class Results:
    """What a file of results says; all of it may be missing.

    Attributes:
        content: The parsed file.
    """

    content: Mapping[str, Any] = field(default_factory=dict)

    @property
    def model(self) -> str | None:
        """The name of the model, as a path of this machine does not tell it."""
        return self._text("model_name") or self._text("config", "model")

    @property
    def model_args(self) -> str | None:
        """What the model was loaded with, without secrets."""
        return self._text("config", "model_args")

    @property
    def backend(self) -> str | None:
        """What computed it."""
        return self._text("config", "model")

    @property
    def harness(self) -> str | None:
        """Version of lm-evaluation-harness."""
        return self._text("lm_eval_version")

    def differences(self, first: Results) -> Iterator[str]:
        """Yield what this run was otherwise than the first, where both say it."""
        ours, theirs = self._arguments, first._arguments
        named = set() if self.model == first.model else _NAMES_OF_MODELS
        for name in [each for each in {**theirs, **ours} if each not in named]:
            yield from _difference(name, ours.get(name, "none"), theirs.get(name, "none"))
        for name, path in _OF_RUNS.items():
            yield from _difference(name, self._said(*path), first._said(*path))

    def task_differences(self, task: str, first: Results, first_task: str) -> Iterator[str]:
        """Yield what a task is otherwise than in the first, where both say it."""
        for name, part in _OF_TASKS.items():
            yield from _difference(name, self._said(part, task), first._said(part, first_task))
        ours, theirs = self._configuration(task), first._configuration(first_task)
        if not ours or not theirs:
            return
        names = sorted((ours.keys() | theirs.keys()) - _NOT_CONFIGURED)
        apart = [name for name in names if ours.get(name) != theirs.get(name)]
        if apart:
            yield f"another configuration ({printable(', '.join(apart), _SHOWN)})"

    @property
    def _arguments(self) -> Mapping[str, str]:
        """What the model was loaded with, by name."""
        text = self.model_args
        return dict(each.partition("=")[::2] for each in text.split(",")) if text else {}

    def _configuration(self, task: str) -> Mapping[str, str]:
        """Return a task's configuration as text, without the addresses of functions."""
        configs = self.content.get("configs")
        found = configs.get(task) if isinstance(configs, dict) else None
        parts = found.items() if isinstance(found, dict) else ()
        return {name: _ADDRESS.sub("", json.dumps(part)) for name, part in parts}

    def _said(self, *path: str) -> str | None:
        """Return what stands somewhere, ``none`` for what is empty; None where nothing stands."""
        at: Any = self.content
        for name in path[:-1]:
            at = at.get(name) if isinstance(at, Mapping) else None
        is_there = isinstance(at, Mapping) and path[-1] in at
        return self._text(*path) or "none" if is_there else None

    def _text(self, *path: str) -> str | None:
        """Return what stands somewhere as text without this machine's folders, or secrets."""
        value: Any = self.content
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if isinstance(value, str) and "=" in value:
            value = dict(each.partition("=")[::2] for each in value.split(","))
        if isinstance(value, dict):
            value = ",".join(_argument(*each) for each in list(value.items())[:_MAX_ARGUMENTS])
        if value in (None, ""):
            return None
        return redacted(shareable_text(value if isinstance(value, str) else json.dumps(value)))


def results_of(path: Path | None) -> Results | None:
    """Return what a file of results says; None where there is none.

    Raises:
        DataError: If it is there and cannot be read.
    """
    if path is None or not path.is_file():
        return None
    try:
        content = read_json(path, _MAX_BYTES, finite=False)
    except (OSError, UnreadableError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{path} is not read ({reason}); restore it, or move it away from the samples"
        ) from error
    return Results(content if isinstance(content, dict) else {})


def _argument(name: str, value: Any) -> str:
    shown = "..." if _SECRET.search(name) else value
    return f"{name}={shown}" if shown != "" else name


def _difference(name: str, ours: str | None, theirs: str | None) -> Iterator[str]:
    if ours is None or theirs is None or ours == theirs:
        return
    if re.fullmatch(r"[0-9a-f]{64}", ours):
        yield f"another {name}"
        return
    yield f"{name} {printable(ours, _SHOWN)}, not {printable(theirs, _SHOWN)}"
