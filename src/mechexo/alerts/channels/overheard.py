"""Why a message was not taken that Apprise sent: it tells no more than that it was not.

What it logs for debugging may hold addresses and tokens, and is thrown away; only the error that it
has just caught is looked at: for its cause in words, and by the question whether the message may
have gone out all the same. A mail server's refusal is told by nothing else.
"""

from __future__ import annotations

import logging
import smtplib
import socket
import ssl
import sys
from collections.abc import Iterable, Iterator

_BEFORE_IT_WAS_SAID = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "ProxyError", "InvalidURL"}
)
_HALF = frozenset(
    {"ChunkedEncodingError", "IncompleteRead", "ProtocolError", "ContentDecodingError"}
)


class Overheard(logging.Handler):
    """Keeps the errors that Apprise catches, and nothing of what it logs about them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Looks whether it is said while an error is handled."""
        error = sys.exc_info()[1]
        if error is not None and error not in self.errors:
            self.errors.append(error)

    def listen(self) -> None:
        """Hears all that Apprise logs, and keeps it from everybody else."""
        logger = logging.getLogger("apprise")
        logger.addHandler(self)
        logger.setLevel(logging.DEBUG)
        logger.propagate = False

    def told(self) -> tuple[str, str]:
        """The outcome and the reason, in words; forgets them. `refused` and "" when no error was
        caught: then what Apprise says itself is all that is known."""
        found = [_judged(error) for error in self.errors]
        self.errors.clear()
        if not found:
            return "refused", ""
        outcomes = {outcome for outcome, _ in found}
        worst = next(each for each in ("unanswered", "refused", "rejected") if each in outcomes)
        return worst, "; ".join(dict.fromkeys(words for _, words in found if words))


def _judged(error: BaseException) -> tuple[str, str]:
    """What became of the attempt that ended so: `refused` when nothing went out for certain,
    `rejected` when no second try changes that."""
    chain = list(_chain(error))
    for each in chain:
        if isinstance(each, smtplib.SMTPRecipientsRefused):
            return _answered(each.recipients.values())
        if isinstance(each, smtplib.SMTPResponseException):
            return _answered([(each.smtp_code, each.smtp_error)])
        if isinstance(each, smtplib.SMTPNotSupportedError):
            return "rejected", f"the mail server cannot do what is asked of it: {each}"
        if isinstance(each, socket.gaierror):
            return "refused", f"its name cannot be resolved ({each.strerror})"
        if isinstance(each, ssl.SSLCertVerificationError):
            return "refused", f"its certificate is refused ({each.verify_message})"
        if isinstance(each, ssl.SSLError):
            return "refused", f"no secure connection ({each.reason or 'TLS error'})"
        if isinstance(each, ConnectionRefusedError):
            return "refused", "connection refused"
    names = {type(each).__name__ for each in chain}
    if names & {"ConnectTimeout", "ConnectTimeoutError"}:
        return "refused", "no connection in time"
    outcome = "refused" if names & _BEFORE_IT_WAS_SAID else "unanswered"
    if any(isinstance(each, ConnectionResetError | BrokenPipeError) for each in chain):
        return outcome, "the connection was reset"
    if any(isinstance(each, TimeoutError) for each in chain):
        return outcome, "no answer in time"
    if any(isinstance(each, smtplib.SMTPServerDisconnected) for each in chain):
        return outcome, "the mail server hung up"
    if names & _HALF:
        return outcome, "half an answer"
    system = next((e.strerror for e in chain if isinstance(e, OSError) and e.strerror), "")
    return outcome, system


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, each once."""
    seen: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        each = todo.pop(0)
        if isinstance(each, BaseException) and not any(each is known for known in seen):
            seen.append(each)
            yield each
            # requests and urllib3 hand on the cause as an argument, too.
            reason = getattr(each, "reason", None)
            todo += [each.__cause__, each.__context__, reason, *_arguments(each.args)]


def _arguments(arguments: Iterable[object]) -> list[object]:
    return [each for each in arguments if isinstance(each, BaseException)]


def _answered(said: Iterable[tuple[int, bytes | str]]) -> tuple[str, str]:
    """What a mail server means by its answers: a code from 500 on is for good."""
    words, codes = [], []
    for code, text in said:
        plain = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        words.append(f"the mail server answered {code} {plain}")
        codes.append(code)
    return "rejected" if min(codes, default=0) >= 500 else "refused", "; ".join(sorted(words))
