"""Current engine: llama.cpp in this process or in one of its own, as long as it is needed."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from contextvars import ContextVar
from typing import Any

from edgeval.engine.client import Engine

_current: ContextVar[Engine | None] = ContextVar("engine", default=None)


class Local(Engine):
    """llama.cpp in this process: what a process of its own runs, and what has no need of one."""

    def __init__(self) -> None:
        super().__init__()
        self._jobs: Any = None

    def stream(
        self, job: str, *arguments: Any, doing: str, timeout_s: float | None = None
    ) -> Generator[Any, None, None]:
        """Yield what a job yields, in this process."""
        if self._jobs is None:
            from edgeval.engine.jobs import Jobs

            self._jobs = Jobs()
        with contextlib.closing(getattr(self._jobs, job)(*arguments)) as answers:
            yield from answers

    def peak_rss_bytes(self) -> int | None:
        """Return None: there is no process of its own."""
        return None

    def start(self) -> None:
        """Do nothing: there is no process of its own."""

    def close(self) -> None:
        """Free what is loaded."""
        if self._jobs is not None:
            self._jobs.close()


def current() -> Engine | None:
    """Return the engine of whoever called, which is theirs to close; None if there is none."""
    return _current.get()


@contextlib.contextmanager
def running() -> Iterator[Engine]:
    """Yield the engine of whoever called, or one that ends with the context.

    Nested calls share one: a ladder starts llama.cpp once.
    """
    known = current()
    if known is not None:
        yield known
        return
    from edgeval.engine.process import Worker

    with use(Worker()) as engine:
        yield engine


@contextlib.contextmanager
def use(engine: Engine) -> Iterator[Engine]:
    """Let an engine be what ``running`` yields, and close it when the context ends."""
    token = _current.set(engine)
    try:
        yield engine
    finally:
        _current.reset(token)
        engine.close()
