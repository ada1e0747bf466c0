"""A telephone service that behaves like Twilio's REST interface: forms, errors, calls that go on.

What its documents say is carried out: a key ends a `Gather`, whose action is fetched from the echo
service, whose `Dial` makes a call of its own. Events can be read a quarter of an hour after the
end of a call, as Twilio says; here, once a test lets that time pass.
"""

from __future__ import annotations

import base64
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from support.fake_service import FakeService, Request

ACCOUNT = "AC0123456789abcdef0123456789abcdef"
TOKEN = "canary0twilio1token2f3a4b5c6d7e8f90"
SENDER = "+15550001111"
TO = "+15550002222"

_NUMBER = re.compile(r"\+[1-9]\d{6,14}")


@dataclass
class FakeCall:
    """A call; `walk` are the states that it goes through, one each time it is looked at."""

    sid: str
    to: str
    sender: str
    document: str
    parent: str = ""
    status: str = "queued"
    answered_by: str = ""
    walk: deque[str] = field(default_factory=deque)
    events: list[dict[str, Any]] = field(default_factory=list)
    events_ready: bool = False
    said: list[str] = field(default_factory=list)

    def resource(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "parent_call_sid": self.parent or None,
            "to": self.to,
            "from": self.sender,
            "status": self.status,
            "answered_by": self.answered_by or None,
            "duration": None,
            "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{self.sid}.json",
        }


class FakeTwilio(FakeService):
    """The service, and whoever holds the telephone that it calls."""

    def __init__(self, account: str = ACCOUNT, token: str = TOKEN) -> None:
        self.account, self.token = account, token
        self.calls: list[FakeCall] = []
        self.texts: list[Mapping[str, str]] = []
        self.hung_up: list[str] = []
        self.walks: deque[tuple[tuple[str, ...], str]] = deque()
        """How the next calls go on, and who answers them; else they ring."""
        super().__init__()

    @property
    def placed(self) -> list[FakeCall]:
        """The calls that were asked for, without those that a document made."""
        return [each for each in self.calls if not each.parent]

    def will(self, *walk: str, answered_by: str = "") -> None:
        """How the next call goes on."""
        self.walks.append((walk, answered_by))

    def answer(self, call: FakeCall, *, by: str = "human") -> None:
        """Somebody, or something, takes the call and hears its document."""
        with self.lock:
            call.status, call.answered_by = "in-progress", by
            root = ElementTree.fromstring(call.document)
            call.said += [each.text or "" for each in root.iter("Say")]

    def press(self, call: FakeCall, key: str) -> None:
        """A key is pressed while the document waits for one."""
        with self.lock:
            gather = ElementTree.fromstring(call.document).find("Gather")
            assert gather is not None, "the document waits for no key"
            action = urlsplit(gather.attrib["action"])
            assert (action.scheme, action.netloc, action.path) == (
                "https",
                "twimlets.com",
                "/echo",
            )
            call.events.append(
                {
                    "request": {
                        "url": gather.attrib["action"],
                        "method": gather.attrib.get("method", "POST"),
                        "parameters": {"call_sid": call.sid, "digits": key},
                    },
                    "response": {"response_code": 200},
                }
            )
            self._carry_out(call, parse_qs(action.query)["Twiml"][0])

    def hang_up(self, call: FakeCall) -> None:
        """The call ends."""
        with self.lock:
            call.status = "completed"

    def _carry_out(self, call: FakeCall, document: str) -> None:
        for verb in ElementTree.fromstring(document):
            if verb.tag == "Dial":
                client = verb.find("Client")
                assert client is not None
                child = FakeCall(
                    self._sid("CA"), f"client:{client.text}", call.sender, "", call.sid, "no-answer"
                )
                self.calls.append(child)
            elif verb.tag == "Say":
                call.said.append(verb.text or "")

    def _sid(self, prefix: str) -> str:
        return f"{prefix}{len(self.calls) + len(self.texts) + 1:032x}"

    def respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        with self.lock:
            return self._respond(request)

    def _respond(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        known = base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {known}":
            return _error(401, 20003, "Authenticate")
        base = f"/2010-04-01/Accounts/{self.account}/"
        if not request.path.startswith(base):
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        place = request.path.removeprefix(base)
        if place == "Calls.json":
            return self._create(request) if request.method == "POST" else self._list(request)
        if place == "Messages.json" and request.method == "POST":
            return self._text(request.values)
        found = re.fullmatch(r"Calls/(CA\w+)(/Events)?\.json", place)
        call = next((each for each in self.calls if found and each.sid == found[1]), None)
        if found is None or call is None:
            return _error(404, 20404, f"The requested resource {request.path} was not found")
        if found[2]:
            return 200, {"events": call.events if call.events_ready else [], "page": 0}
        if request.method == "POST":
            if call.status not in ("queued", "ringing", "in-progress"):
                return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
            call.status = "completed" if call.status == "in-progress" else "canceled"
            self.hung_up.append(call.sid)
        elif call.walk:
            call.status = call.walk.popleft()
        return 200, call.resource()

    def _create(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        values = request.values
        if wrong := _wrong_numbers(values):
            return wrong
        document = values.get("Twiml", "")
        if not document and not values.get("Url"):
            return _error(400, 21205, "Url parameter is required.")
        if len(document) > 4000:
            return _error(
                400, 32018, "Twiml size exceeded maximum allowed value of 4000 characters"
            )
        try:
            ElementTree.fromstring(document)
        except ElementTree.ParseError:
            # Twilio takes it, and tells of it to nobody but the person called.
            return _error(400, 12100, "Document parse failure")
        call = FakeCall(self._sid("CA"), values["To"], values["From"], document)
        walk, answered_by = self.walks.popleft() if self.walks else ((), "")
        call.walk.extend(walk)
        if values.get("MachineDetection") in ("Enable", "DetectMessageEnd"):
            call.answered_by = answered_by
        self.calls.append(call)
        return 201, call.resource()

    def _list(self, request: Request) -> tuple[int, Mapping[str, Any]]:
        parent = request.values.get("ParentCallSid", "")
        found = [each for each in self.calls if not parent or each.parent == parent]
        return 200, {"calls": [each.resource() for each in reversed(found)], "page": 0}

    def _text(self, values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        if wrong := _wrong_numbers(values):
            return wrong
        if not values.get("Body"):
            return _error(400, 21602, "Message body is required.")
        if len(values["Body"]) > 1600:
            return _error(400, 21617, "The concatenated message body exceeds the 1600 limit")
        self.texts.append(values)
        return 201, {"sid": self._sid("SM"), "status": "queued", "body": values["Body"]}


def _wrong_numbers(values: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]] | None:
    to, sender = values.get("To", ""), values.get("From", "")
    if not _NUMBER.fullmatch(to):
        return _error(400, 21211, f"The 'To' number {to} is not a valid phone number.")
    if sender != SENDER:
        return _error(400, 21212, f"The 'From' number {sender} is not a valid phone number")
    return None


def _error(status: int, code: int, message: str) -> tuple[int, Mapping[str, Any]]:
    more = f"https://www.twilio.com/docs/errors/{code}"
    return status, {"code": code, "message": message, "more_info": more, "status": status}
