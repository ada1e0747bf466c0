"""stdout and stderr that may be closed, full, or without a word for our glyphs."""

from __future__ import annotations

import codecs
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from mechexo.errors import OutputError
from mechexo.plain_text import PLAIN, in_ascii, only_ascii

_PLAINLY = "mechexo_plainly"


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in unknown), error.end


codecs.register_error(_PLAINLY, _plainly)


class _Plain(io.TextIOWrapper):
    """A stream that writes our glyphs plainly where the locale does not promise them."""

    plainly = False

    def write(self, text: str, /) -> int:
        return super().write(in_ascii(text) if self.plainly else text)


class _Answer(_Plain):
    """stdout: an answer that does not arrive is a failure that says so. A reader that has seen
    enough is none: the work goes on to its end, and the exit code is that of the whole answer,
    whenever the reader left."""

    def write(self, text: str, /) -> int:
        try:
            return super().write(text)
        except BrokenPipeError:
            _lead_nowhere(self)
            return len(text)
        except OSError as error:
            raise _not_written(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except BrokenPipeError:
            _lead_nowhere(self)
        except OSError as error:
            raise _not_written(error) from error


class _Remarks(_Plain):
    """stderr: what was asked for is done also when nobody can be told of it."""

    def write(self, text: str, /) -> int:
        with suppress(OSError):
            return super().write(text)
        _lead_nowhere(self)
        return len(text)

    def flush(self) -> None:
        try:
            super().flush()
        except OSError:
            _lead_nowhere(self)


@contextmanager
def data_on_stdout() -> Iterator[None]:
    """Within it stdout takes every character as it is: what programs read is no matter of taste."""
    stream = sys.stdout
    plainly = isinstance(stream, _Plain) and stream.plainly
    if isinstance(stream, _Plain):
        stream.plainly = False
    try:
        yield
    finally:
        if isinstance(stream, _Plain):
            stream.plainly = plainly


@contextmanager
def dependable_streams() -> Iterator[None]:
    """Within it stdout and stderr are there; writing fails only with `OutputError`."""
    _fill_gaps()
    before = sys.stdout, sys.stderr
    answer, remarks = _wrapped(sys.stdout, _Answer), _wrapped(sys.stderr, _Remarks)
    sys.stdout, sys.stderr = answer, remarks
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for ours, theirs in ((answer, before[0]), (remarks, before[1])):
            if ours is not theirs and isinstance(ours, io.TextIOWrapper):
                _let_go(ours)


def _wrapped(stream: TextIO, kind: type[_Plain]) -> TextIO:
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    stream.flush()
    ours = kind(
        stream.buffer,
        encoding=stream.encoding,
        errors=_PLAINLY,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
    ours.plainly = only_ascii(stream.encoding, os.environ)
    return ours


def _let_go(stream: io.TextIOWrapper) -> None:
    """Leaves the buffer to its first owner; what it still holds must not fail a second time."""
    try:
        stream.detach()
    except (OSError, OutputError):
        _lead_nowhere(stream)
        stream.detach()


def _not_written(error: OSError) -> OutputError:
    return OutputError(f"the answer could not be written to stdout: {error.strerror}")


def _lead_nowhere(stream: io.TextIOWrapper) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.buffer.fileno())
    finally:
        os.close(nowhere)


def _fill_gaps() -> None:
    """Puts something under 0, 1 and 2 where they are closed: the next file that is opened would
    get that number, and whatever is printed would land in it."""
    for number, stream in enumerate((sys.stdin, sys.stdout, sys.stderr)):
        if stream is None:
            # stdout cannot be written, so that an answer that does not arrive is noticed.
            os.open(os.devnull, os.O_WRONLY if number == 2 else os.O_RDONLY)
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
