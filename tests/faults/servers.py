"""A web server and a proxy before an S3 server that drop, stall, refuse and cut off on a seeded schedule.

A schedule draws a fault for each request. It never draws more than `in_a_row` for one path, so that whoever tries again
and goes on where it was gets everything in the end.
"""

from __future__ import annotations

import hashlib
import http.client
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.support.web_server import Server

FAULTS = ("drop", "stall", "429", "503", "truncate")
MODIFIED = "Sun, 01 Nov 2026 00:00:00 GMT"


@dataclass(slots=True)
class Schedule:
    """Faults by a seed. share: of the requests that fail. stall_s: how long a stalled one says nothing."""

    seed: int
    share: float = 0.5
    in_a_row: int = 2
    stall_s: float = 1.0
    drawn: Counter[str] = field(default_factory=Counter)
    row: Counter[str] = field(default_factory=Counter)
    count: Counter[str] = field(default_factory=Counter)
    lock: Any = field(default_factory=threading.Lock)

    def begin(self, seed: int, share: float) -> None:
        """From here on as if nothing had been asked."""
        self.seed, self.share = seed, share
        for counted in (self.drawn, self.row, self.count):
            counted.clear()

    def draw(self, path: str) -> tuple[str, float]:
        """What befalls the next request for a path (empty: nothing), and at which share of its body.

        By the seed, the path and how often it was asked: threads that ask in another order get the same.
        """
        with self.lock:
            self.count[path] += 1
            dice = random.Random(f"{self.seed} {path} {self.count[path]}")
            if self.row[path] >= self.in_a_row or dice.random() >= self.share:
                self.row[path] = 0
                return "", 0.0
            self.row[path] += 1
            fault = dice.choice(FAULTS)
            self.drawn[fault] += 1
            return fault, dice.uniform(0.1, 0.9)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer before something befalls it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Faulty(BaseHTTPRequestHandler):
    """Answers by `whole`, and by the schedule what becomes of it."""

    protocol_version = "HTTP/1.1"
    schedule: Schedule | None = None
    stop: threading.Event

    def whole(self, path: str) -> Answer:
        raise NotImplementedError

    def _any(self) -> None:
        path = urlsplit(self.path).path
        answer = self.whole(path)
        fault, share = ("", 0.0) if self.schedule is None else self.schedule.draw(f"{self.command} {path}")
        if fault == "drop":
            self.close_connection = True
        elif fault in ("429", "503"):
            self._send(Answer(int(fault), [("Retry-After", "0"), ("Content-Length", "0")], b""), 0)
        else:
            if fault == "stall" and self.schedule is not None:
                self.stop.wait(self.schedule.stall_s)
            self._send(answer, round(len(answer.body) * share) if fault == "truncate" else len(answer.body))
            self.close_connection = self.close_connection or fault == "truncate"

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

    def _send(self, answer: Answer, most_bytes: int) -> None:
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:most_bytes])

    def log_message(self, *args: object) -> None:
        """Silent."""


@contextmanager
def _serving(handler: type[Faulty], schedule: Schedule | None) -> Iterator[int]:
    handler.schedule, handler.stop = schedule, threading.Event()
    server = Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        handler.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def web(folder: Path, schedule: Schedule | None = None) -> Iterator[int]:
    """The port of a server of a folder's files, with ETags and ranges."""

    class Files(Faulty):
        def whole(self, path: str) -> Answer:
            file = folder / unquote(path).lstrip("/")
            if not file.is_file():
                return Answer(404, [("Content-Length", "0")], b"")
            data = file.read_bytes()
            etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
            common = [("ETag", etag), ("Last-Modified", MODIFIED), ("Content-Type", "video/mp4")]
            first = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            if first and self.headers.get("If-Range") == etag:
                span = ("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
                return Answer(206, [*common, span, ("Content-Length", str(len(data) - first))], data[first:])
            return Answer(200, [*common, ("Content-Length", str(len(data)))], data)

    with _serving(Files, schedule) as port:
        yield port


@contextmanager
def before(endpoint: str, schedule: Schedule | None = None) -> Iterator[str]:
    """The URL of a proxy before an HTTP server. It passes the Host on, which S3's signature holds."""
    behind = urlsplit(endpoint)

    class Proxy(Faulty):
        def whole(self, path: str) -> Answer:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            line = http.client.HTTPConnection(str(behind.hostname), behind.port, timeout=30)
            try:
                line.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    line.putheader(name, value)
                line.endheaders(body)
                got = line.getresponse()
                data = got.read()
                hop = ("transfer-encoding", "connection", "content-length")
                headers = [(k, v) for k, v in got.getheaders() if k.lower() not in hop]
                length = got.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                return Answer(got.status, [*headers, ("Content-Length", length or "0")], data)
            finally:
                line.close()

    with _serving(Proxy, schedule) as port:
        yield f"http://127.0.0.1:{port}"
