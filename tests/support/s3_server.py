"""An object store for a test, on loopback: objects of one bucket, read as the real services have
them read. Spoken to as S3 it checks signatures; a public one speaks as Google Cloud Storage does
(whose listings are S3's) and as Azure does. Listings come in pages, ranges are honoured, errors
are the service's own XML."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit
from xml.sax.saxutils import escape

KEY_ID = "AKTESTDESK"
SECRET = "a/secret+that=needs-no/escaping"
REGION = "eu-test-1"
PAGE = 3
"""How many objects one page of a listing holds."""


@dataclass
class Bucket:
    """The objects, how the server is reached, and what it was asked."""

    name: str
    endpoint: str
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Method, path with query, status, bytes of the answer."""
    public: bool = False
    """Whether everybody may read, as nobody signs."""
    slow_down: int = 0
    """How many requests are still turned away with 503 SlowDown."""


@contextmanager
def running_bucket(name: str = "desk") -> Iterator[Bucket]:
    """Serves one bucket until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    bucket = Bucket(name, f"http://127.0.0.1:{server.server_address[1]}")
    server.bucket = bucket  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield bucket
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        bucket: Bucket = self.server.bucket  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        name, _, key = unquote(parts.path).removeprefix("/").partition("/")
        signed = not bucket.public
        refusal = _refused(self.command, parts.path, asked, self.headers) if signed else None
        if bucket.slow_down > 0:
            bucket.slow_down -= 1
            status, headers, content = _error(503, "SlowDown", "Please reduce your request rate.")
        elif refusal:
            status, headers, content = _error(403, *refusal)
        elif name != bucket.name:
            status, headers, content = _error(
                404, "NoSuchBucket", "The specified bucket does not exist"
            )
        elif not key and asked.get("comp") == "list":
            status, headers, content = _azure_listing(bucket, asked)
        elif not key:
            status, headers, content = _listing(bucket, asked)
        else:
            status, headers, content = _object(bucket, key, self.headers.get("Range"))
        bucket.requests.append((self.command, self.path, status, len(content) if body else 0))
        self.send_response(status)
        for header, value in headers.items():
            self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing: `Bucket.requests` has it all."""


_Answer = tuple[int, dict[str, str], bytes]


def _error(status: int, code: str, message: str) -> _Answer:
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message>"
        "<RequestId>TEST</RequestId></Error>"
    )
    return status, {"Content-Type": "application/xml"}, text.encode()


def _object(bucket: Bucket, key: str, wanted: str | None) -> _Answer:
    content = bucket.objects.get(key)
    if content is None:
        return _error(404, "NoSuchKey", "The specified key does not exist.")
    headers = {
        "ETag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"',
        "Last-Modified": "Mon, 02 Mar 2026 09:00:00 GMT",
        "Accept-Ranges": "bytes",
        "Content-Type": "binary/octet-stream",
    }
    if not wanted:
        return 200, headers, content
    first, _, last = wanted.removeprefix("bytes=").partition("-")
    start = int(first) if first else max(0, len(content) - int(last))
    end = min(int(last), len(content) - 1) if first and last else len(content) - 1
    if start > end:
        return _error(416, "InvalidRange", "The requested range is not satisfiable")
    headers["Content-Range"] = f"bytes {start}-{end}/{len(content)}"
    return 206, headers, content[start : end + 1]


def _listing(bucket: Bucket, asked: Mapping[str, str]) -> _Answer:
    prefix, after = asked.get("prefix", ""), asked.get("continuation-token", "")
    keys = sorted(key for key in bucket.objects if key.startswith(prefix) and key > after)
    page, rest = keys[:PAGE], keys[PAGE:]
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>2026-03-02T09:00:00.000Z</LastModified>"
        f"<ETag>&quot;{hashlib.md5(bucket.objects[key], usedforsecurity=False).hexdigest()}&quot;"
        f"</ETag><Size>{len(bucket.objects[key])}</Size><StorageClass>STANDARD</StorageClass>"
        "</Contents>"
        for key in page
    )
    more = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if rest else ""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{bucket.name}</Name><Prefix>{escape(prefix)}</Prefix>"
        f"<KeyCount>{len(page)}</KeyCount><MaxKeys>{PAGE}</MaxKeys>"
        f"<IsTruncated>{str(bool(rest)).lower()}</IsTruncated>{more}{entries}</ListBucketResult>"
    )
    return 200, {"Content-Type": "application/xml"}, text.encode()


def _azure_listing(bucket: Bucket, asked: Mapping[str, str]) -> _Answer:
    prefix, after = asked.get("prefix", ""), asked.get("marker", "")
    keys = sorted(key for key in bucket.objects if key.startswith(prefix) and key > after)
    page, rest = keys[:PAGE], keys[PAGE:]
    entries = "".join(
        f"<Blob><Name>{escape(key)}</Name><Properties>"
        "<Last-Modified>Mon, 02 Mar 2026 09:00:00 GMT</Last-Modified><Etag>0x1</Etag>"
        f"<Content-Length>{len(bucket.objects[key])}</Content-Length>"
        "<Content-Type>application/octet-stream</Content-Type></Properties></Blob>"
        for key in page
    )
    more = f"<NextMarker>{escape(page[-1])}</NextMarker>" if rest else "<NextMarker/>"
    text = (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<EnumerationResults ContainerName="{bucket.name}"><Prefix>{escape(prefix)}</Prefix>'
        f"<Blobs>{entries}</Blobs>{more}</EnumerationResults>"
    )
    return 200, {"Content-Type": "application/xml"}, text.encode()


def _refused(
    method: str, path: str, asked: Mapping[str, str], headers: Any
) -> tuple[str, str] | None:
    """Why a request is not allowed, by AWS Signature Version 4; None when it is."""
    given = headers.get("Authorization", "")
    if not given.startswith("AWS4-HMAC-SHA256 "):
        return "AccessDenied", "Access Denied"
    words = dict(
        word.strip().split("=", 1) for word in given.removeprefix("AWS4-HMAC-SHA256 ").split(",")
    )
    key_id, *scope = words["Credential"].split("/")
    if key_id != KEY_ID:
        message = "The AWS Access Key Id you provided does not exist in our records."
        return "InvalidAccessKeyId", message
    signed = words["SignedHeaders"].split(";")
    query = "&".join(
        f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}"
        for name, value in sorted(asked.items())
    )
    canonical = "\n".join(
        [
            method, path, query,
            *(f"{name}:{' '.join(headers[name].split())}" for name in signed),
            "", ";".join(signed), headers["x-amz-content-sha256"],
        ]
    )  # fmt: skip
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256", headers["x-amz-date"], "/".join(scope),
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )  # fmt: skip
    key = f"AWS4{SECRET}".encode()
    for part in scope:
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    if hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest() != words["Signature"]:
        message = "The request signature we calculated does not match the signature you provided."
        return "SignatureDoesNotMatch", message
    return None
