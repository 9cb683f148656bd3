"""A real web server on this machine, its answers written byte by byte, and a net that records instead of sending."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpcore

from infra.web import Client, FetchLimits, Memory, Net


@dataclass(slots=True)
class Asked:
    """One request, and the connection it came on."""

    method: str
    path: str
    headers: Mapping[str, str]
    send: Callable[[bytes], Any]
    stop: threading.Event

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer; a HEAD's without its body. A header that is empty is left out."""
        named = {"Content_Length": str(len(body))} | headers
        lines = [f"HTTP/1.1 {status} Said", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in named.items() if value]
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if self.method != "HEAD":
            self.send(body)


@dataclass(slots=True)
class Site:
    """A server's port, and what it was asked for, robots.txt apart."""

    port: int = 0
    requests: list[Asked] = field(default_factory=list)
    robots: bytes | None = None  # None: 404
    asked_robots: int = 0
    memory: Memory = field(default_factory=Memory)

    @property
    def asked(self) -> list[str]:
        return [a.path for a in self.requests]

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def limits(self, **other: Any) -> FetchLimits:
        """Limits under which this server may be asked, and nothing waits long."""
        quick: dict[str, Any] = {"backoff_s": 0.02, "host_requests_per_s": 1000.0, "stall_s": 5.0}
        return FetchLimits(**(quick | {"allow_private": (f"127.0.0.1:{self.port}",)} | other))

    def client(self, **other: Any) -> Client:
        """A client under these limits; all of one site remember together."""
        return Client(self.limits(**other), memory=self.memory)


class Server(ThreadingHTTPServer):
    """Threads that do not outlive the test, and say nothing when the other side hangs up."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Silent."""


@contextmanager
def serving(answer: Callable[[Asked], None], certificate: Path | None = None) -> Iterator[Site]:
    """A site that answers each request (robots.txt apart) as `answer` does; under TLS with a certificate."""
    site, stop = Site(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            headers = {k.lower(): v for k, v in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self.wfile.write, stop)
            if self.path == "/robots.txt":
                site.asked_robots += 1
                asked.answer(404) if site.robots is None else asked.answer(200, site.robots)
            else:
                site.requests.append(asked)
                answer(asked)
            self.close_connection = True

        do_GET = do_HEAD = _any

        def log_message(self, *args: object) -> None:
            """Silent."""

    server = Server(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield site
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass(slots=True)
class Recorder:
    """A resolver and a connector that write down what they are asked for. No packet leaves.

    names: answers of each host, the next one for each question, the last one for ever. answers: what each connection
    reads, in order; a connection without one is refused.
    """

    names: Mapping[str, list[list[str]]] = field(default_factory=dict)
    answers: list[bytes] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    connected: list[tuple[str, int]] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)

    def resolve(self, host: str, port: int) -> list[str]:
        self.resolved.append(host)
        left = self.names.get(host, [[host]])
        return left.pop(0) if len(left) > 1 else left[0]

    def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
        self.connected.append((address, port))
        if not self.answers:
            raise httpcore.ConnectError("recorded")
        return Spoken(self.answers.pop(0), self.sent)

    @property
    def net(self) -> Net:
        return Net(self.resolve, self.connect)

    def client(self, limits: FetchLimits) -> Client:
        """A client whose packets are recorded; all of one recorder remember together."""
        return Client(limits, self.net, self.memory)


class Spoken(httpcore.NetworkStream):
    """A connection that reads what it was made with, also under TLS."""

    def __init__(self, data: bytes, sent: list[bytes]) -> None:
        self.data, self.sent = data, sent

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data, self.data = self.data[:max_bytes], self.data[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.sent.append(buffer)

    def close(self) -> None:
        """Nothing to close."""

    def start_tls(self, *args: Any, **named: Any) -> httpcore.NetworkStream:
        return self

    def get_extra_info(self, info: str) -> Any:
        return None


def moved(location: str) -> bytes:
    """A redirect, as it goes over the line."""
    return f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


def whole(body: bytes) -> bytes:
    """A whole answer, as it goes over the line."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
