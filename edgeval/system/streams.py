"""Standard streams: any encoding, closed, full, or a pipe that nobody reads any more.

Whatever library writes to them: what is written there cannot move a cursor and always fits the
encoding. Only ``rich`` writes past that, and gets its text from ``console``.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
import traceback
from types import TracebackType
from typing import IO, Final, TextIO, cast

from edgeval.errors import EdgevalError
from edgeval.system import escapes

BROKEN_PIPE = 141
"""Exit code of shells for a program that wrote to a pipe which nobody reads (SIGPIPE)."""


_CONTROL_OF_LINES: Final = re.compile("([\n\t])")


class OutputError(EdgevalError):
    """Standard output cannot be written.

    Attributes:
        is_broken_pipe: Whether who read it has ended, as ``head`` does: then nothing is to be said.
        exit_code: What the command exits with.
    """

    def __init__(self, reason: str, is_broken_pipe: bool = False, kept: str = "") -> None:
        """Say why, and what is kept all the same.

        Args:
            reason: Why, for use in brackets.
            is_broken_pipe: Whether who read it has ended.
            kept: What is there all the same, as a clause.
        """
        self.reason, self.is_broken_pipe = reason, is_broken_pipe
        self.exit_code = BROKEN_PIPE if is_broken_pipe else 1
        remedy = kept or "print to a file on a disk with room, or to a terminal"
        super().__init__(f"cannot write to standard output ({reason}); {remedy}")

    def keeping(self, kept: str) -> OutputError:
        """Return the same error, which says what is kept all the same."""
        return OutputError(self.reason, self.is_broken_pipe, kept)


def guard() -> None:
    """Let the standard streams of this process take any text, and fail in one way.

    Standard output raises ``OutputError`` once and is silent then; standard error never fails.
    """
    escapes.register()
    _fill_descriptors()
    if sys.stdin is None:
        sys.stdin = io.StringIO()
    sys.stdout = _guarded(sys.stdout, sys.__stdout__, is_needed=True)
    sys.stderr = _guarded(sys.stderr, sys.__stderr__, is_needed=False)
    sys.excepthook = _print_traceback


def flush() -> None:
    """Write what is left.

    Raises:
        OutputError: If standard output cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        raise _output_error(error) from error


def abandon() -> None:
    """Write what is left, if that can be; the interpreter finds nothing to complain of then."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, OutputError):
            stream.flush()


class _Raw(io.RawIOBase):
    """A stream of bytes that fails once, or never, and takes everything after that."""

    def __init__(self, inner: io.RawIOBase | None, is_needed: bool) -> None:
        super().__init__()
        self._inner, self._is_needed, self._is_lost = inner, is_needed, False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return super().fileno() if self._inner is None else self._inner.fileno()

    def isatty(self) -> bool:
        return self._inner is not None and self._inner.isatty()

    def write(self, data: object) -> int | None:
        size = len(memoryview(cast(bytes, data)).cast("B"))
        if self._is_lost:
            return size
        try:
            if self._inner is None:
                raise OSError(errno.EBADF, "it is closed")
            return self._inner.write(cast(bytes, data))
        except OSError as error:
            self._is_lost = True
            if self._is_needed:
                raise _output_error(error) from error
            return size


class _Stream(io.TextIOWrapper):
    """A stream of text in which only line breaks and tabs are no letters.

    Attributes:
        rich_proxied_file: What ``rich`` looks for, and writes to instead: its colours are its own.
    """

    rich_proxied_file: IO[str]

    def write(self, text: str) -> int:
        """Write text of which everything is seen."""
        parts = _CONTROL_OF_LINES.split(text)
        super().write("".join(each if each in "\n\t" else escapes.visible(each) for each in parts))
        return len(text)


def _guarded(stream: TextIO | None, original: TextIO | None, *, is_needed: bool) -> TextIO:
    """Return a standard stream that is guarded; one of a test only gets the error handler."""
    if isinstance(stream, _Stream):
        return stream
    if stream is not None and stream is not original:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=escapes.ERRORS)
        return stream
    buffer = getattr(stream, "buffer", None)
    raw = io.BufferedWriter(_Raw(getattr(buffer, "raw", buffer), is_needed))
    encoding = stream.encoding if stream is not None else "utf-8"
    made = _Stream(raw, encoding=encoding, errors=escapes.ERRORS, write_through=True)
    # Both write through to one buffer, so that nothing changes places.
    made.rich_proxied_file = io.TextIOWrapper(
        raw, encoding=encoding, errors=escapes.ERRORS, write_through=True
    )
    if not is_needed:
        made.reconfigure(line_buffering=True)
    return made


def _fill_descriptors() -> None:
    """Let no file that is opened later become a standard stream, which libraries write to."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)


def _output_error(error: OSError) -> OutputError:
    return OutputError(error.strerror or str(error), error.errno == errno.EPIPE)


def _print_traceback(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    sys.stderr.write("".join(traceback.format_exception(kind, error, trace)))
