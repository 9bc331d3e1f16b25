"""Interrupts: all that ends programs does it alike, and waits where a library would spoil it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

from edgeval.errors import KEPT, InterruptedRunError

_Handler = Callable[[int, Any], Any]

_NUMBERS = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    if hasattr(signal, name)
]
"""What users and systems end programs with; each system knows some of them."""


def stop_alike() -> None:
    """Let who stops a service, shuts a machine down or closes a terminal lose no more than Ctrl-C.

    What is ignored stays so: ``nohup`` ignores that the terminal is closed.
    """
    for number in _NUMBERS:
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@contextlib.contextmanager
def in_words(kept: str = KEPT) -> Iterator[None]:
    """Let an interruption be a sentence: typer would end without a word, Python with a traceback.

    Args:
        kept: What it leaves, and what to do, as a clause.

    Raises:
        InterruptedRunError: If what is done meanwhile is interrupted.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        raise InterruptedRunError(str(stop), kept) from None
    except Exception as error:
        # Python itself wraps one that comes while it makes a class, until 3.12.
        cause = error.__cause__
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__
        if cause is None:
            raise
        raise InterruptedRunError(str(cause), kept) from None


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Let what ends programs wait until the body is done.

    Python runs handlers of signals in its main thread alone; elsewhere nothing has to wait.

    Raises:
        KeyboardInterrupt: Behind the body, if Ctrl-C came meanwhile; or what another handler
            raises.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = _handlers()
    is_over = False

    def note(number: int, frame: Any) -> None:
        # An interrupt may end the putting back below.
        if is_over:
            handlers[number](number, frame)
        else:
            came.append(number)

    try:
        for number in handlers:
            signal.signal(number, note)
        yield
    finally:
        is_over = True
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for number in came:
            handlers[number](number, None)


def _handlers() -> dict[int, _Handler]:
    """Return the functions that handle a signal; the system's own ways are none."""
    found = {number: signal.getsignal(number) for number in _NUMBERS}
    return {number: handler for number, handler in found.items() if callable(handler)}
