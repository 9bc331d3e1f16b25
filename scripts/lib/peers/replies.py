"""llama-cpp-python's server, and what lm-evaluation-harness's ``gguf`` model reads from it."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeval.tasks.item import Item
from scripts.lib.peers.process import PeerError

_START_S = 600
_ANSWER_S = 600
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LOGPROBS = 10
"""What lm_eval's ``gguf`` model asks for."""


@dataclass(frozen=True)
class Reply:
    """What the server answers to one choice, and what lm_eval makes of it.

    Attributes:
        own: Sum of the log-probabilities of the choice's own tokens, in nats; None if the server
            or lm_eval's arithmetic fails.
        before: Tokens of the context that lm_eval counts as the choice's; negative where it skips
            tokens of the choice.
        lost: Tokens at the choice's end that lm_eval leaves out; negative where it counts tokens
            that were generated.
    """

    own: float | None
    before: int = 0
    lost: int = 0


@contextlib.contextmanager
def server(python: str | Path, gguf: Path, threads: int, log_path: Path) -> Iterator[str]:
    """Serve a GGUF as lm_eval's ``gguf`` model needs it, and yield the address.

    Args:
        python: An interpreter that has llama-cpp-python with its server.
        gguf: The model.
        threads: CPU threads.
        log_path: File that the server's output is written to.

    Raises:
        PeerError: If the server does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    module = [python, "-m", "llama_cpp.server", "--model", gguf]
    options = ["--logits_all", "true", "--n_threads", threads, "--port", port]
    command = [str(word) for word in (*module, *options, "--host", "127.0.0.1")]
    with log_path.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_ready(process, url, log_path)
            yield url
        finally:
            process.terminate()
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            _DIRECT.open(f"{url}/v1/models", timeout=10).close()
            return
        time.sleep(0.2)
    last = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:]
    raise PeerError(f"llama-cpp-python's server did not start ({' '.join(last)}); see {log}")


def replay(url: str, items: Sequence[Item], n_tokens: Sequence[Sequence[int]]) -> list[list[Reply]]:
    """Ask for each choice as lm_eval does, to see what it does not log.

    Args:
        url: The server's address.
        items: The items as lm_eval renders them.
        n_tokens: Number of tokens of each choice.
    """
    return [
        [
            _reply(url, context, f" {choice}", n)
            for (context, choice), n in zip(item.pairs, counts, strict=True)
        ]
        for item, counts in zip(items, n_tokens, strict=True)
    ]


def _reply(url: str, context: str, continuation: str, n_tokens: int) -> Reply:
    asked = {
        "prompt": context + continuation,
        "logprobs": _LOGPROBS,
        "temperature": 0.0,
        "max_tokens": 1,
        "echo": True,
    }
    request = urllib.request.Request(
        f"{url}/v1/completions",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with _DIRECT.open(request, timeout=_ANSWER_S) as response:
            return _read(json.load(response), len(context), n_tokens)
    except (OSError, StopIteration, TypeError):
        return Reply(None)


def _read(answer: dict[str, Any], n_context_chars: int, n_tokens: int) -> Reply:
    """Find the choice in a reply twice: as lm_eval's ``get_result`` does, and by its tokens."""
    logprobs = answer["choices"][0]["logprobs"]
    values, offsets = logprobs["token_logprobs"], logprobs["text_offset"]
    first = next(index for index, offset in enumerate(offsets) if offset >= n_context_chars)
    end = len(values) - answer["usage"]["completion_tokens"]
    start = end - n_tokens
    return Reply(sum(values[start:end]), start - first, end - (len(values) - 1))


def tally(replies: Sequence[Sequence[Reply]]) -> dict[str, int]:
    """Return how many choices lm_eval counts how."""
    each = [reply for item in replies for reply in item]
    return {
        "all": len(each),
        "failed": sum(reply.own is None for reply in each),
        "last_token_lost": sum(reply.lost > 0 for reply in each),
        "generated_counted": sum(reply.lost < 0 for reply in each),
        "context_counted": sum(reply.before > 0 for reply in each),
        "first_token_lost": sum(reply.before < 0 for reply in each),
    }


def cause(counts: dict[str, int]) -> str:
    """Say why lm_eval's sums are not the choices' log-probabilities."""
    reasons = {
        "last_token_lost": "the choice's last token is not counted: lm_eval always drops the "
        "reply's last token as the generated one (`sum(tokens_logprobs[idx:-1])`), but where the "
        "model generates end-of-text the server leaves that out of its reply",
        "generated_counted": "a generated token is counted: the server generated more than one, to "
        "complete a character",
        "context_counted": "the context's last token is counted: the server's `text_offset` counts "
        "the space that SentencePiece puts before a text, so that a last token of one character, "
        "such as a full stop, seems to lie behind the context",
        "first_token_lost": "the choice's first token is not counted: the server's `text_offset` "
        "says that it lies in the context",
    }
    found = [
        f"In {counts[name]} of {counts['all']} choices {reason}."
        for name, reason in reasons.items()
        if counts[name]
    ]
    return " ".join(found) or "lm_eval counts each choice's own tokens here."
