"""A phone call through Twilio's REST interface, spoken by a sending process.

No address of ours is known to the service, so a pressed key cannot be told to us; it is looked
for. A key makes the call go on with a second document, which Twilio's own echo service returns.
That document begins by dialling a client that nobody is: the attempt stands in the list of calls
at once, as a child of ours, and is the sign of the key. The call's events name the key too, but
only a quarter of an hour after its end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from mechexo.alerts.channels.service import FailedError, Said, Service

PUBLIC_API = "https://api.twilio.com"
ECHO = "https://twimlets.com/echo"
"""Returns the document that its address holds."""

SIGN = "mechexo_heard"
"""The client that is dialled when a key was pressed."""

DOCUMENT_LIMIT = 4000
"""Characters of a call's document: error 32018 beyond."""

SPOKEN_LIMIT = 600
"""Characters read out; nobody listens longer at night."""

SMS_LIMIT = 480
"""Characters: three parts in the plain alphabet."""

RING_S = 30
"""How long it rings; most mailboxes answer later."""

Reply = dict[str, Any]

_MEND = {
    401: "mend `account` and `token`",
    403: "the account may not do this",
    404: "no such account: mend `account` (or `api`)",
    20003: "mend `account` and `token`",
    21201: "mend `to`",
    21210: "mend `sender`: it must be a number of this account, or a verified one",
    21211: "mend `to`",
    21212: "mend `sender`",
    21214: "mend `to`",
    21215: "allow calls to this country in the account's settings",
    21219: "a trial account calls verified numbers only",
    21606: "mend `sender`: it cannot send text messages",
}
# What XML 1.0 has no place for.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def connect(channel: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Reply]:
    """What answers the questions of the parent about one number."""
    phone = _Phone(channel["parts"], channel["limit_s"])

    def answer(question: Mapping[str, Any]) -> Reply:
        try:
            return phone.do(question)
        except FailedError as error:
            return {"outcome": error.outcome, "detail": f"Twilio: {error}"}

    return answer


def spoken(title: str, body: str) -> str:
    """What is read out: the first paragraph, as one would say it."""
    matter = body.partition("\n\n")[0]
    words = " ".join(_UNFIT.sub(" ", f"{title}. {matter}").replace("_", " ").split())
    return words if len(words) <= SPOKEN_LIMIT else words[: SPOKEN_LIMIT - 1].rstrip() + "…"


def call_document(words: str, language: str) -> str:
    """The call's document: the words twice, and a key that ends them. It is valid XML and within
    Twilio's limit, whatever the words."""
    voice = f"language={quoteattr(language)}"
    heard = (
        f"<Response><Dial timeout='1'><Client>{SIGN}</Client></Dial>"
        f"<Say {voice}>Thank you. It is noted.</Say></Response>"
    )
    action = f"{ECHO}?Twiml={quote(heard, safe='')}"
    text = _UNFIT.sub(" ", words)
    while True:
        said = f"<Say {voice}>{escape(text)} Press 1 to acknowledge.</Say><Pause length='1'/>"
        document = (
            "<Response><Gather input='dtmf' numDigits='1' finishOnKey='' timeout='10' "
            f"method='GET' action={quoteattr(action)}>{said}{said}</Gather>"
            f"<Say {voice}>Nothing was pressed. You will be called again.</Say></Response>"
        )
        if len(document) <= DOCUMENT_LIMIT or not text:
            return document
        text = text[: len(text) * 3 // 4]


class _Phone:
    def __init__(self, parts: Mapping[str, str], limit_s: float) -> None:
        account = parts["account"]
        self._service = Service(parts["api"] or PUBLIC_API, limit_s, (account, parts["token"]))
        self._path = f"/2010-04-01/Accounts/{quote(account, safe='')}/"
        self._ends = {"To": parts["to"], "From": parts["sender"]}
        self._language = parts["language"]

    def do(self, question: Mapping[str, Any]) -> Reply:
        match question.get("do", "send"):
            case "send" if question["kind"] in ("page", "digest"):
                return self._call(question)
            case "send" | "text":
                # What only informs is no reason to make a telephone ring.
                return self._text(question)
            case "look":
                return self._look(str(question["reference"]))
            case "hang_up":
                return self._hang_up(str(question["reference"]))
            case other:
                raise ValueError(f"a phone cannot {other}")

    def _call(self, message: Mapping[str, Any]) -> Reply:
        words = spoken(str(message["title"]), str(message["body"]))
        form = {
            **self._ends,
            "Twiml": call_document(words, self._language),
            "Timeout": str(RING_S),
            "MachineDetection": "Enable",
        }
        said = self._service.ask("POST", f"{self._path}Calls.json", form=form)
        if not said.ok:
            return _failed(said)
        reference = str(said.body.get("sid") or "")
        if not reference:
            return {"outcome": "unanswered", "detail": "Twilio took the call without naming it"}
        return {"outcome": "placed", "detail": "calling", "reference": reference}

    def _text(self, message: Mapping[str, Any]) -> Reply:
        words = spoken(str(message["title"]), str(message["body"]))[:SMS_LIMIT]
        form = {**self._ends, "Body": words or "(no text)"}
        said = self._service.ask("POST", f"{self._path}Messages.json", form=form)
        if not said.ok:
            return _failed(said)
        reference = str(said.body.get("sid") or "")
        return {"outcome": "sent", "detail": "text message accepted", "reference": reference}

    def _look(self, reference: str) -> Reply:
        place = f"{self._path}Calls/{quote(reference, safe='')}"
        said = self._service.ask("GET", f"{place}.json")
        if not said.ok:
            return _failed(said)
        status = str(said.body.get("status") or "")
        found = {
            "status": status,
            "answered_by": str(said.body.get("answered_by") or ""),
            "pressed": False,
        }
        if status in ("in-progress", "completed"):
            found["pressed"] = self._has_sign(reference) or (
                status == "completed" and self._has_digit(f"{place}/Events.json")
            )
        return {"outcome": "answered", "detail": "", "found": found}

    def _has_sign(self, reference: str) -> bool:
        query = {"ParentCallSid": reference, "PageSize": "20"}
        said = self._service.ask("GET", f"{self._path}Calls.json", query=query)
        if not said.ok:
            raise FailedError("unanswered", f"the calls cannot be listed: {said.status}")
        calls = said.body.get("calls")
        return isinstance(calls, list) and any(
            isinstance(each, dict)
            and each.get("parent_call_sid") == reference
            and str(each.get("to")) == f"client:{SIGN}"
            for each in calls
        )

    def _has_digit(self, place: str) -> bool:
        said = self._service.ask("GET", place)
        events = said.body.get("events") if said.ok else None
        return isinstance(events, list) and any(map(_names_a_key, events))

    def _hang_up(self, reference: str) -> Reply:
        place = f"{self._path}Calls/{quote(reference, safe='')}.json"
        said = self._service.ask("POST", place, form={"Status": "completed"})
        return {"outcome": "answered", "detail": ""} if said.ok else _failed(said)


def _names_a_key(event: object) -> bool:
    try:
        parameters = event["request"]["parameters"]  # type: ignore[index]
        return bool(str(parameters.get("digits") or ""))
    except (KeyError, TypeError, AttributeError):
        return False


def _failed(said: Said) -> Reply:
    code, described = said.body.get("code"), str(said.body.get("message") or "")
    words = f"Twilio answered {said.status}" + (f": {described}" if described else "")
    if isinstance(code, int):
        words += f" ({code})"
    if said.status == 429 or said.status >= 500:
        return {"outcome": "refused", "detail": words, "retry_after_s": said.retry_after_s}
    if not 400 <= said.status < 500:
        return {"outcome": "refused", "detail": words}
    mend = _MEND.get(code) if isinstance(code, int) else None
    mend = mend or _MEND.get(said.status)
    return {"outcome": "rejected", "detail": f"{words}: {mend}" if mend else words}
