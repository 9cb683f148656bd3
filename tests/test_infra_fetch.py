"""The web's door, against a real server on this machine; and no packet leaves for an address that is not public."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import tenacity

from infra import fetch as web
from infra.fetch import FetchLimits, address_of, fetch, told
from schemas.errors import BadMedia, TransientError

BODY = bytes(range(256)) * 2000
SHA = hashlib.sha256(BODY).hexdigest()


@dataclass
class Site:
    """A server's address and the paths it was asked for."""

    port: int = 0
    asked: list[str] = field(default_factory=list)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def limits(self, **other: object) -> FetchLimits:
        return FetchLimits(allow_private=(f"127.0.0.1:{self.port}",), **other)  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(self.path)
            getattr(self, f"_{self.path.strip('/').split('/')[0]}")()

        def log_message(self, *args: object) -> None:
            """Silent."""

        def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def _ok(self) -> None:
            self._send(200, BODY, Content_Type="video/mp4")

        def _missing(self) -> None:
            self._send(404)

        def _flaky(self) -> None:
            self._send(503) if len(site.asked) == 1 else self._ok()

        def _down(self) -> None:
            self._send(503)

        def _short(self) -> None:
            self._send(200, BODY[:1000], Content_Length=str(len(BODY)))

        def _page(self) -> None:
            self._send(200, b"<html>", Content_Type="text/html; charset=utf-8")

        def _endless(self) -> None:
            self.send_response(200)
            self.end_headers()
            for _ in range(100):
                self.wfile.write(BODY)

        def _moved(self) -> None:
            self._send(302, Location="/ok")

        def _loop(self) -> None:
            self._send(302, Location="/loop")

        def _metadata(self) -> None:
            self._send(302, Location="http://169.254.169.254/latest/meta-data/")

        def _file(self) -> None:
            self._send(302, Location="file:///etc/passwd")

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "wait_random_exponential", lambda *_: tenacity.wait_none())


def _refused(url: str, path: Path, *args: object, **named: object) -> str:
    with pytest.raises(BadMedia) as caught:
        fetch(url, path, *args, **named)  # type: ignore[arg-type]
    return caught.value.reason


def test_a_download_is_whole_and_hashed(site: Site, tmp_path: Path) -> None:
    assert fetch(site.url("/ok"), tmp_path / "f", site.limits()) == SHA
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    assert fetch(site.url("/moved"), tmp_path / "f", site.limits()) == SHA
    assert site.asked == ["/moved", "/ok"]


def test_this_machine_is_private_unless_allowed(site: Site, tmp_path: Path) -> None:
    assert _refused(site.url("/ok"), tmp_path / "f") == "private_address"
    other_port = FetchLimits(allow_private=(f"127.0.0.1:{site.port + 1}",))
    assert _refused(site.url("/ok"), tmp_path / "f", other_port) == "private_address"
    assert site.asked == []


def test_what_is_gone_is_final(site: Site, tmp_path: Path) -> None:
    assert _refused(site.url("/missing"), tmp_path / "f", site.limits()) == "http_404"
    assert site.asked == ["/missing"]


def test_what_may_pass_is_tried_again(site: Site, tmp_path: Path) -> None:
    assert fetch(site.url("/flaky"), tmp_path / "f", site.limits()) == SHA
    assert len(site.asked) == 2


@pytest.mark.parametrize("path", ["/down", "/short"])
def test_what_does_not_pass_is_transient(site: Site, tmp_path: Path, path: str) -> None:
    with pytest.raises(TransientError, match="run the same command again"):
        fetch(site.url(path), tmp_path / "f", site.limits(attempts=3))
    assert site.asked == [path] * 3


def test_a_closed_port_is_transient(tmp_path: Path) -> None:
    limits = FetchLimits(allow_private=("127.0.0.1:9",), attempts=2)
    with pytest.raises(TransientError, match="ConnectError"):
        fetch("http://127.0.0.1:9/x.mp4", tmp_path / "f", limits)


def test_a_page_is_no_media(site: Site, tmp_path: Path) -> None:
    assert _refused(site.url("/page"), tmp_path / "f", site.limits()) == "not_media_type"


@pytest.mark.parametrize("path", ["/ok", "/endless"])
def test_size_is_bounded_by_header_and_by_stream(site: Site, tmp_path: Path, path: str) -> None:
    limit = len(BODY) - 1
    assert _refused(site.url(path), tmp_path / "f", site.limits(size_bytes=limit)) == "too_large"
    held = tmp_path / "f"
    assert not held.exists() or held.stat().st_size <= limit


def test_redirects_are_bounded(site: Site, tmp_path: Path) -> None:
    assert _refused(site.url("/loop"), tmp_path / "f", site.limits(redirects=3)) == "too_many_redirects"
    assert len(site.asked) == 4


@pytest.mark.parametrize(("path", "reason"), [("/metadata", "private_address"), ("/file", "bad_url")])
def test_a_redirect_to_the_inside_is_refused(site: Site, tmp_path: Path, path: str, reason: str) -> None:
    assert _refused(site.url(path), tmp_path / "f", site.limits()) == reason


class Recorder(httpx.BaseTransport):
    """Says where a packet would have gone, and redirects once."""

    def __init__(self, location: str | None = None) -> None:
        self.targets: list[tuple[str, int | None, str]] = []
        self.location = location

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.targets.append((request.url.host, request.url.port, request.headers["host"]))
        if self.location is not None:
            location, self.location = self.location, None
            return httpx.Response(302, headers={"location": location})
        return httpx.Response(200, stream=httpx.ByteStream(BODY))


@dataclass
class Names:
    """A resolver whose answers change with every question."""

    answers: list[list[str]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0)


def test_the_address_checked_is_the_one_connected_to(tmp_path: Path) -> None:
    """A name that is public when it is checked and private afterwards gains nothing."""
    names, recorder = Names([["93.184.216.34"], ["127.0.0.1"]]), Recorder()
    assert fetch("http://rebind.example:8080/v.mp4", tmp_path / "f", resolver=names, transport=recorder) == SHA
    assert recorder.targets == [("93.184.216.34", 8080, "rebind.example:8080")]
    assert names.asked == ["rebind.example"]


def test_a_name_with_one_private_address_is_refused(tmp_path: Path) -> None:
    names, recorder = Names([["93.184.216.34", "10.0.0.7"]]), Recorder()
    assert _refused("http://mixed.example/", tmp_path / "f", resolver=names, transport=recorder) == "private_address"
    assert recorder.targets == []


def test_every_redirect_is_resolved_and_checked(tmp_path: Path) -> None:
    names = Names([["93.184.216.34"], ["169.254.169.254"]])
    recorder = Recorder("http://inside.example/latest/meta-data/")
    assert _refused("https://outside.example/", tmp_path / "f", resolver=names, transport=recorder) == "private_address"
    assert names.asked == ["outside.example", "inside.example"]
    assert [t[0] for t in recorder.targets] == ["93.184.216.34"]


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "192.0.2.5", "198.18.0.1", "198.51.100.4", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_refused(address: str) -> None:
    with pytest.raises(BadMedia) as caught:
        address_of("http://name.example/", FetchLimits(), lambda *_: [address])
    assert caught.value.reason == "private_address"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_taken(address: str) -> None:
    assert address_of("https://name.example/", FetchLimits(), lambda *_: [address]) == ("name.example", 443, address)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.example/x", "file:///etc/passwd", "//a.example/x", "", "http://", "http://user:pw@a.example/",
        "http://a.example:99999/", "http://a.example:x/", "http://[::1", "http://[zz]/", "http://a\x00b.example/",
        "http://a.example/\x7f", "http://" + "a" * 70 + ".example/", "http://ex ample/", "http://\udcff.example/",
        "gopher://a.example", "http://.example/", "http://a..example/",
    ],
)  # fmt: skip
def test_a_bad_url_is_refused_and_nothing_is_sent(tmp_path: Path, url: str) -> None:
    recorder = Recorder()
    assert _refused(url, tmp_path / "f", FetchLimits(attempts=1), transport=recorder) == "bad_url"
    assert recorder.targets == []


def test_a_signature_is_not_told() -> None:
    assert told("https://host/clip.mp4?X-Signature=secret") == "https://host/clip.mp4"
    assert told("https://host/clip.mp4") == "https://host/clip.mp4"
