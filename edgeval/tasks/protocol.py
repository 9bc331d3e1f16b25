"""Named, versioned protocols: how items become requests, and which metric counts.

A change of meaning is a new version: a score is never compared with one of another version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal
from typing import Protocol as TypingProtocol

from edgeval.errors import EdgevalError, closest
from edgeval.tasks.names import ACCURACIES, FAMILIES, Family

if TYPE_CHECKING:
    from pathlib import Path

    from edgeval.tasks.item import Item
    from edgeval.tasks.requests import Int32, Request
    from edgeval.tasks.task import Rendering, Task

DEFAULT = "lm-eval-bos"
"""A text begins as its tokenizer asks, unless a published number was measured otherwise."""


class Tokenizes(TypingProtocol):
    """The part of a model that a protocol needs.

    Attributes:
        bos: The token that it puts before every text by its own default, if any.
        eos: The one that it puts after every text, if any.
        first: Its BOS token, or EOS token without one, whether it puts it anywhere or not.
        mark: The text of that one.
        controls: Texts of special tokens, by id, within or after which versions of tools put spaces
            or not.
        n_context_train: Tokens of the model's window.
    """

    bos: int | None
    eos: int | None
    first: int | None
    mark: str | None
    controls: Mapping[int, str]
    n_context_train: int

    def tokenize(self, text: str, *, parse_special: bool = False) -> Int32:
        """Return the token ids of a text, without BOS or EOS."""


@dataclass(frozen=True)
class Protocol:
    """How an item is scored.

    Attributes:
        name: What users type.
        version: Raised when the meaning changes.
        rendering: The rendering of a task's rows; not every task has it.
        adds_ends: Whether texts get the BOS and EOS tokens that the tokenizer adds by its own
            default.
        metric: The primary metric, where the task has it.
        metrics: The metrics that are computed: those of the task.
        few_shot: Whether the tool can show solved items before the one it asks.
        tool: The tool whose numbers these are.
        versions: Its versions that give them.
        encoding: Whether context and choice are encoded as a pair, or what the texts of an item
            share is its context.
    """

    name: str
    version: int
    rendering: Rendering
    adds_ends: bool
    metric: str
    few_shot: bool
    tool: str
    versions: str
    encoding: Literal["pair", "shared"]
    metrics: tuple[str, ...] = ACCURACIES

    @property
    def family(self) -> Family:
        """The protocols that its numbers may stand for, but for their BOS policy."""
        return FAMILIES[self.name]

    def requests(self, item: Item, tokenizer: Tokenizes) -> list[Request]:
        """Return one request a choice, truncated on the left to the model's window.

        Raises:
            DataError: If a choice is empty, or alone longer than the window.
        """
        # Who lists the protocols encodes nothing, and waits for no array library.
        from edgeval.tasks.encoding import requests_of

        return requests_of(self, item, tokenizer)

    def ended(self, tokens: Int32, tokenizer: Tokenizes) -> list[int]:
        """Return the tokens of a text with those that the tokenizer adds, where they are wanted."""
        before = [tokenizer.bos] if self.adds_ends and tokenizer.bos is not None else []
        after = [tokenizer.eos] if self.adds_ends and tokenizer.eos is not None else []
        return [*before, *tokens.tolist(), *after]


def get(name: str) -> Protocol:
    """Return the protocol of a name.

    Raises:
        EdgevalError: If there is none.
    """
    if name not in PROTOCOLS:
        raise EdgevalError(
            f"unknown protocol {name!r}{closest(name, PROTOCOLS)}; edgeval has "
            f"{', '.join(PROTOCOLS)}"
        )
    return PROTOCOLS[name]


def of_task(task: Task, name: str | None = None, data: Path | None = None) -> Protocol:
    """Return the protocol that a task's items are scored by, with the task's metrics.

    Args:
        task: The task.
        name: Name of the protocol; None for the default of the data.
        data: The local file that is evaluated, if it is one.

    Raises:
        EdgevalError: If there is none of that name, or the task has no rendering for it.
    """
    from edgeval.tasks.task import TEXT_SUFFIX

    is_text = data is not None and data.suffix.lower() == TEXT_SUFFIX
    protocol = get(name or ("llama.cpp" if is_text and task.read_text else DEFAULT))
    if protocol.rendering not in task.renderings:
        able = [each.name for each in PROTOCOLS.values() if each.rendering in task.renderings]
        raise EdgevalError(
            f"task {task.name} has no {protocol.name} protocol; use --protocol {' or '.join(able)}"
        )
    metric = protocol.metric if protocol.metric in task.metrics else task.metrics[0]
    return replace(protocol, metric=metric, metrics=task.metrics)


PROTOCOLS: dict[str, Protocol] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="lm-eval",
            version=2,
            rendering="lm-eval",
            adds_ends=False,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions=(
                "git master from 2 June 2023 (pull request 531) and 0.4.0 to 0.4.9.1; not the tag "
                "v0.3.0, which encodes context and continuation apart and has no hf-causal"
            ),
            encoding="pair",
        ),
        Protocol(
            name="lm-eval-bos",
            version=2,
            rendering="lm-eval",
            adds_ends=True,
            metric="acc_norm",
            few_shot=True,
            tool="lm-evaluation-harness",
            versions="from 0.4.9.2",
            encoding="pair",
        ),
        Protocol(
            name="llama.cpp",
            version=2,
            rendering="text",
            adds_ends=True,
            metric="acc_token",
            few_shot=False,
            tool="llama-perplexity --hellaswag",
            versions="since pull request 5017, January 2024",
            encoding="shared",
        ),
    )
}
