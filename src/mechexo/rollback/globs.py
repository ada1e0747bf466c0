"""Which files are watched: globs of the configuration, and what is never rolled back. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

FLOW_CODE = ("**/*.py",)
"""Watched for changes beside the configured files: what the flows themselves are written in."""

_DENIED = (
    *("**/.git*", "**/.git*/**", "**/.ssh/**", "**/.env", "**/.env.*", "**/.netrc"),
    *("**/*.pem", "**/*.key", "**/*.p12", "**/*.pfx", "**/*.kdbx", "**/id_*", "**/*.sqlite*"),
)


def matching(path: str, globs: Iterable[str]) -> str:
    """The first glob that a path fits, or an empty text.

    `*` and `?` stay inside one folder, `**` spans any number of them, `[ab]` is one of a set.
    """
    return next((glob for glob in globs if _pattern(glob).fullmatch(path)), "")


def denied(path: str) -> str:
    """The rule that forbids showing or rolling back a path, or an empty text."""
    return matching(path, _DENIED)


@cache
def _pattern(glob: str) -> re.Pattern[str]:
    glob = glob.removeprefix("./")
    out, at = "", 0
    while at < len(glob):
        if glob.startswith("**/", at):
            out, at = out + "(?:[^/]+/)*", at + 3
        elif glob.startswith("**", at):
            out, at = out + ".*", at + 2
        elif glob[at] == "*":
            out, at = out + "[^/]*", at + 1
        elif glob[at] == "?":
            out, at = out + "[^/]", at + 1
        elif glob[at] == "[" and (end := glob.find("]", at + 2)) > 0:
            inside = glob[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            negated = inside[0] in "!^"
            out += f"[{'^/' if negated else ''}{inside[1:] if negated else inside}]"
            at = end + 1
        else:
            out, at = out + re.escape(glob[at]), at + 1
    return re.compile(out, re.DOTALL)
