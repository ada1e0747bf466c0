"""Text that a terminal can show without obeying it."""

from __future__ import annotations

import re

_SEQUENCES = re.compile(
    # Strings that end with ST or BEL: OSC (titles, clipboard, links), DCS, SOS, PM, APC.
    r"(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    # CSI: colours, cursor, modes.
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    # Character sets and the two-character sequences.
    r"|\x1b[ -/]*[0-~]"
)
# Controls less tab and newline, then what makes text look other than it is: zero-width
# characters, changes of direction, tags.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_NEWLINES = re.compile("\r\n|\r|\u2028|\u2029")


def harmless(text: str) -> str:
    """The text without control sequences, link escapes and unseen characters.

    The words of a link stay; its address goes. What is left of a broken sequence is shown as the
    plain characters it is made of.
    """
    return _UNSEEN.sub("", _SEQUENCES.sub("", _NEWLINES.sub("\n", text)))
