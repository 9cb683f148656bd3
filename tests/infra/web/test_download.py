"""The web's door against a real server on this machine: what comes whole, what goes on, what is refused and why."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.web import FetchLimits, Net
from schemas.errors import BadMedia, TransientError
from tests.support.web_server import Asked, Recorder, serving

BODY = bytes(range(256)) * 2000
SHA = hashlib.sha256(BODY).hexdigest()
ETAG = '"one"'


def _refused(path: str, to: Path, answer: Callable[[Asked], None], **limits: object) -> str:
    with serving(answer) as site, pytest.raises(BadMedia) as caught:
        site.client(**limits).download(site.url(path), to)
    return caught.value.reason


def ranged(asked: Asked, body: bytes = BODY, etag: str = ETAG, **more: str) -> None:
    """What a good server does with a range."""
    first = int(asked.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
    if first and asked.headers.get("if-range") == etag:
        span = f"bytes {first}-{len(body) - 1}/{len(body)}"
        asked.answer(206, body[first:], ETag=etag, Content_Range=span, **more)
    else:
        asked.answer(200, body, ETag=etag, **more)


def cut(asked: Asked, at: int, body: bytes = BODY, etag: str = ETAG) -> None:
    """The head of the whole, and no more than some of its bytes."""
    asked.send(f"HTTP/1.1 200 OK\r\nETag: {etag}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body[:at])


def test_a_download_is_whole_and_hashed(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(200, BODY, ETag=ETAG, Content_Type="video/mp4")) as site:
        got = site.client().download(site.url("/v"), tmp_path / "f")
    assert (got.sha256, got.size_bytes, got.served.revision) == (SHA, len(BODY), "one")
    assert (tmp_path / "f").read_bytes() == BODY
    sent = site.requests[0].headers
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"].startswith("handwheel/")


def test_what_broke_off_goes_on_by_range(tmp_path: Path) -> None:
    with serving(lambda a: cut(a, 300_000) if len(site.requests) == 1 else ranged(a)) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert [(a.headers.get("range"), a.headers.get("if-range")) for a in site.requests] == [
        (None, None), ("bytes=300000-", ETAG),
    ]  # fmt: skip


def test_what_changed_meanwhile_starts_again(tmp_path: Path) -> None:
    new = BODY[::-1]
    with serving(lambda a: cut(a, 300_000) if len(site.requests) == 1 else ranged(a, new, '"two"')) as site:
        got = site.client().download(site.url("/v"), tmp_path / "f")
    assert (got.sha256, got.served.revision) == (hashlib.sha256(new).hexdigest(), "two")


def test_a_range_of_other_bytes_is_not_taken(tmp_path: Path) -> None:
    """A server that heeds no If-Range, and one that sends another range than was asked for."""
    new = BODY[::-1]

    def answer(a: Asked) -> None:
        if len(site.requests) == 1:
            cut(a, 300_000)
        elif len(site.requests) == 2:
            a.answer(206, new[300_000:], ETag='"two"', Content_Range=f"bytes 300000-{len(BODY) - 1}/{len(BODY)}")
        elif len(site.requests) == 3:
            cut(a, 300_000, new, '"two"')
        elif len(site.requests) == 4:
            a.answer(206, new[5:], ETag='"two"', Content_Range=f"bytes 5-{len(BODY) - 1}/{len(BODY)}")
        else:
            ranged(a, new, '"two"')

    with serving(answer) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == hashlib.sha256(new).hexdigest()
    assert len(site.requests) == 5


@pytest.mark.parametrize("headers", [{"ETag": 'W/"one"'}, {"Last_Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}, {}])
def test_without_a_strong_validator_it_starts_again(tmp_path: Path, headers: dict[str, str]) -> None:
    def answer(a: Asked) -> None:
        told = headers | ({"Date": "Sun, 01 Nov 2026 00:00:00 GMT"} if "Last_Modified" in headers else {})
        if len(site.requests) == 1:
            told |= {"Content_Length": str(len(BODY))}
            a.answer(200, BODY[:300_000], **told)
        else:
            a.answer(200, BODY, **told)

    with serving(answer) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert [a.headers.get("range") for a in site.requests] == [None, None]


@pytest.mark.parametrize(
    "other", [{"ETag": 'W/"two"'}, {"ETag": '"one"', "Last_Modified": "Mon, 02 Nov 2026 00:00:00 GMT"}]
)
def test_a_range_that_says_it_is_of_other_bytes_is_not_taken(tmp_path: Path, other: dict[str, str]) -> None:
    """A server that heeds no If-Range, and whose new ETag is weak, or whose new time alone tells."""
    new, span = BODY[::-1], f"bytes 300000-{len(BODY) - 1}/{len(BODY)}"

    def answer(a: Asked) -> None:
        if len(site.requests) == 1:
            told = {"ETag": ETAG, "Last_Modified": "Sun, 01 Nov 2026 00:00:00 GMT", "Content_Length": str(len(BODY))}
            a.answer(200, BODY[:300_000], **told)
        elif len(site.requests) == 2:
            a.answer(206, new[300_000:], Content_Range=span, **other)
        else:
            a.answer(200, new, **other)

    with serving(answer) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == hashlib.sha256(new).hexdigest()
    assert len(site.requests) == 3


@pytest.mark.parametrize("etag", ['"\xff"', '"a b"', "\xe9", '"' + "x" * 5000 + '"'])
def test_a_validator_that_cannot_be_sent_back_is_none(tmp_path: Path, etag: str) -> None:
    def answer(a: Asked) -> None:
        a.answer(200, BODY[: 300_000 if len(site.requests) == 1 else None], ETag=etag, Content_Length=str(len(BODY)))

    with serving(answer) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert [a.headers.get("range") for a in site.requests] == [None, None]


def test_waits_between_attempts_count_for_the_wall_clock(tmp_path: Path) -> None:
    """A server that brings a little each time, and breaks off, is not waited for without end."""

    def answer(a: Asked) -> None:
        first = int(a.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        head = f"HTTP/1.1 206 OK\r\nETag: {ETAG}\r\nContent-Range: bytes {first}-{1 << 30}/{(1 << 30) + 1}\r\n"
        head = head if first else f"HTTP/1.1 200 OK\r\nETag: {ETAG}\r\n"
        a.send(f"{head}Content-Length: {(1 << 30) + 1 - first}\r\n\r\n".encode() + BODY[:70_000])

    begun = time.monotonic()
    assert _refused("/v", tmp_path / "f", answer, wall_s=0.5, backoff_s=8.0) == "too_slow"
    assert time.monotonic() - begun < 5


def test_an_old_last_modified_is_a_strong_validator(tmp_path: Path) -> None:
    old = {"Last_Modified": "Sun, 01 Nov 2026 00:00:00 GMT", "Date": "Sun, 01 Nov 2026 01:00:00 GMT"}

    def answer(a: Asked) -> None:
        if len(site.requests) == 1:
            a.answer(200, BODY[:300_000], Content_Length=str(len(BODY)), **old)
        else:
            a.answer(206, BODY[300_000:], Content_Range=f"bytes 300000-{len(BODY) - 1}/{len(BODY)}", **old)

    with serving(answer) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert site.requests[1].headers["if-range"] == "Sun, 01 Nov 2026 00:00:00 GMT"


def test_attempts_count_only_without_progress(tmp_path: Path) -> None:
    """Seven pieces with two attempts: every piece but the last breaks off."""
    ends = itertools.count(70_000, 70_000)

    def answer(a: Asked) -> None:
        first = int(a.headers.get("range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        head = f"ETag: {ETAG}\r\nContent-Length: {len(BODY) - first}\r\n"
        if first:
            head += f"Content-Range: bytes {first}-{len(BODY) - 1}/{len(BODY)}\r\n"
        a.send(f"HTTP/1.1 {206 if first else 200} OK\r\n{head}\r\n".encode() + BODY[first : next(ends)])

    with serving(answer) as site:
        assert site.client(attempts=2).download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert len(site.requests) == 8


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(503) if len(site.requests) == 1 else a.answer(200, BODY)) as site:
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
    assert len(site.requests) == 2


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_does_not_pass_is_transient(tmp_path: Path, status: int) -> None:
    with serving(lambda a: a.answer(status)) as site, pytest.raises(TransientError, match="run the same command again"):
        site.client(attempts=3).download(site.url("/v?sig=secret"), tmp_path / "f")
    assert len(site.requests) == 3


@pytest.mark.parametrize("status", [204, 304, 400, 401, 402, 403, 404, 409, 410, 418, 451, 501])
def test_what_is_gone_is_final(tmp_path: Path, status: int) -> None:
    assert _refused("/v", tmp_path / "f", lambda a: a.answer(status)) == f"http_{status}"


@pytest.mark.slow
def test_retry_after_is_waited_for_and_by_everybody(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(429, Retry_After="1") if len(site.requests) == 1 else a.answer(200, BODY)) as site:
        begun = time.monotonic()
        assert site.client().download(site.url("/v"), tmp_path / "f").sha256 == SHA
        assert time.monotonic() - begun >= 1


@pytest.mark.parametrize("said", ["1\x1d", "-1", "1e9", "Sun, 99 Nov", "9" * 40, "\xb2"])
def test_a_retry_after_that_is_none_is_none(tmp_path: Path, said: str) -> None:
    with serving(lambda a: a.answer(503, Retry_After=said)) as site, pytest.raises(TransientError):
        site.client(attempts=1).download(site.url("/v"), tmp_path / "f")


def test_a_retry_after_beyond_the_bound_leaves_the_url_and_its_host_alone(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(503, Retry_After="3600")) as site:
        for path in ("/v", "/w"):
            with pytest.raises(TransientError, match="3600 s"):
                site.client(retry_after_s=1.0).download(site.url(path), tmp_path / "f")
    assert site.asked == ["/v"]


def test_a_closed_port_is_transient(tmp_path: Path) -> None:
    with serving(lambda a: None) as site:
        port = site.port
    with pytest.raises(TransientError, match="ConnectError"):
        site.client(attempts=2).download(f"http://127.0.0.1:{port}/x.mp4", tmp_path / "f")


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "TEXT/HTML", "application/xml"])
def test_a_page_is_no_media(tmp_path: Path, kind: str) -> None:
    assert _refused("/v", tmp_path / "f", lambda a: a.answer(200, b"<p>", Content_Type=kind)) == "not_media_type"


@pytest.mark.parametrize("coding", ["gzip", "br", "deflate, gzip"])
def test_what_is_packed_though_nobody_asked_is_refused(tmp_path: Path, coding: str) -> None:
    """So that no bomb is ever unpacked."""
    assert _refused("/v", tmp_path / "f", lambda a: a.answer(200, BODY, Content_Encoding=coding)) == "content_encoded"
    assert not (tmp_path / "f").exists()


def _endless(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\n\r\n")
    for _ in range(100):
        asked.send(BODY)


def _chunked(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100):
        asked.send(b"%x\r\n" % len(BODY) + BODY + b"\r\n")


def _says_less(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n")
    asked.send(b"%x\r\n" % len(BODY) + BODY + b"\r\n0\r\n\r\n")


@pytest.mark.parametrize("answer", [lambda a: a.answer(200, BODY), _endless, _chunked, _says_less])
def test_size_is_bounded_by_header_and_by_stream(tmp_path: Path, answer: Callable[[Asked], None]) -> None:
    limit = len(BODY) - 1
    assert _refused("/v", tmp_path / "f", answer, size_bytes=limit) == "too_large"
    held = tmp_path / "f"
    assert not held.exists() or held.stat().st_size <= limit


def test_a_length_that_promises_more_than_ever_comes_is_truncated(tmp_path: Path) -> None:
    assert _refused("/v", tmp_path / "f", lambda a: cut(a, 1000), attempts=3) == "truncated"


def test_an_end_that_comes_elsewhere_each_time_is_transient(tmp_path: Path) -> None:
    with serving(lambda a: cut(a, 1000 + len(site.requests))) as site, pytest.raises(TransientError):
        site.client(attempts=3).download(site.url("/v"), tmp_path / "f")


def _two_lengths(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef")


@pytest.mark.parametrize("answer", [_two_lengths, lambda a: a.send(b"220 mail.example ESMTP\r\n\r\n")])
def test_what_is_no_http_is_refused_after_all_attempts(tmp_path: Path, answer: Callable[[Asked], None]) -> None:
    with serving(answer) as site, pytest.raises(BadMedia) as caught:
        site.client(attempts=2).download(site.url("/v"), tmp_path / "f")
    assert (caught.value.reason, len(site.requests)) == ("bad_http", 2)


def _big_header(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(100):
        asked.send(b"y" * 10_000)


def _many_headers(asked: Asked) -> None:
    asked.send(b"HTTP/1.1 200 OK\r\n")
    for i in range(20_000):
        asked.send(b"X-%d: y\r\n" % i)


def _many_continues(asked: Asked) -> None:
    for _ in range(20_000):
        asked.send(b"HTTP/1.1 100 Continue\r\n\r\n")


@pytest.mark.parametrize("answer", [_big_header, _many_headers, _many_continues])
def test_headers_are_bounded(tmp_path: Path, answer: Callable[[Asked], None]) -> None:
    assert _refused("/v", tmp_path / "f", answer) == "bad_headers"


def _dripping(head: bytes, drop: bytes) -> Callable[[Asked], None]:
    def answer(asked: Asked) -> None:
        asked.send(head)
        while not asked.stop.wait(0.02):
            asked.send(drop)

    return answer


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"e"),
    ],
    ids=["body", "headers", "chunk"],
)
@pytest.mark.parametrize("limits", [{"wall_s": 0.4}, {"slow_window_s": 0.3}], ids=["wall", "pace"])
@pytest.mark.slow
def test_a_trickle_is_too_slow(tmp_path: Path, head: bytes, drop: bytes, limits: dict[str, float]) -> None:
    begun = time.monotonic()
    assert _refused("/v", tmp_path / "f", _dripping(head, drop), **limits) == "too_slow"
    assert time.monotonic() - begun < 5


def test_silence_is_transient(tmp_path: Path) -> None:
    with serving(lambda a: a.stop.wait(5)) as site, pytest.raises(TransientError, match="ReadTimeout"):
        site.client(attempts=2, stall_s=0.1).download(site.url("/v"), tmp_path / "f")
    assert len(site.requests) == 2


def test_a_redirect_is_followed_and_the_end_of_it_resumed(tmp_path: Path) -> None:
    def answer(a: Asked) -> None:
        if a.path == "/moved":
            a.answer(302, Location="/v")
        elif len(site.requests) == 2:
            cut(a, 300_000)
        else:
            ranged(a)

    with serving(answer) as site:
        assert site.client().download(site.url("/moved"), tmp_path / "f").sha256 == SHA
    assert site.asked == ["/moved", "/v", "/moved", "/v"]


def test_a_head_tells_the_revision() -> None:
    with serving(lambda a: a.answer(200, BODY, ETag='W/"x-1"', Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT")) as site:
        seen = site.client().look_up(site.url("/v"))
    assert (seen.revision, seen.size_bytes, seen.modified_ns) == ("x-1", len(BODY), 1_793_491_200_000_000_000)
    assert [a.method for a in site.requests] == ["HEAD"]


@pytest.mark.parametrize("status", [403, 404, 405, 500, 501])
def test_where_head_is_refused_one_byte_is_asked_for(status: int) -> None:
    def answer(a: Asked) -> None:
        if a.method == "HEAD":
            a.answer(status)
        else:
            a.answer(206, BODY[:1], Last_Modified="Sun, 01 Nov 2026 00:00:00 GMT", Content_Range="bytes 0-0/512000")

    with serving(answer) as site:
        seen = site.client().look_up(site.url("/v"))
    assert (seen.revision, seen.size_bytes) == ("1793491200-512000", 512_000)
    assert site.requests[1].headers["range"] == "bytes=0-0"


def test_a_server_that_says_nothing_has_no_revision() -> None:
    with serving(lambda a: a.answer(200, BODY)) as site:
        assert site.client().look_up(site.url("/v")).revision == ""


def test_what_is_gone_is_refused_when_asked() -> None:
    with serving(lambda a: a.answer(404)) as site, pytest.raises(BadMedia) as caught:
        site.client().look_up(site.url("/v"))
    assert (caught.value.reason, [a.method for a in site.requests]) == ("http_404", ["HEAD", "GET"])


@pytest.mark.parametrize("etag", ['"' + "x" * 5000 + '"', '"a\tb\x01"', '"", "', "\xff"])
def test_a_hostile_etag_is_a_short_plain_revision(etag: str) -> None:
    with serving(lambda a: a.answer(200, BODY, ETag=etag)) as site:
        try:
            revision = site.client(attempts=1).look_up(site.url("/v")).revision
        except BadMedia as e:
            revision = e.reason
    assert len(revision) <= 200
    assert revision.isascii()
    assert revision.isprintable()


@pytest.mark.parametrize("tags", [('"' + "x" * 300 + '1"', '"' + "x" * 300 + '2"'), ('"\xe8"', '"\xe9"')])
def test_what_a_revision_leaves_out_of_an_etag_still_tells(tags: tuple[str, str]) -> None:
    with serving(lambda a: a.answer(200, BODY, ETag=tags[len(site.requests) - 1])) as site:
        assert site.client().look_up(site.url("/v")).revision != site.client().look_up(site.url("/v")).revision


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that signs itself, and its key, in one file."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: it makes the certificate of this test")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=handwheel test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run(command, check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path


def test_under_tls_a_download_resumes_and_keeps_its_bounds(tmp_path: Path, certificate: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(certificate.with_suffix(".crt")))
    net = Net(tls=lambda: trusted)
    with serving(lambda a: cut(a, 300_000) if len(site.requests) == 1 else ranged(a), certificate) as site:
        url = site.url("/v").replace("http:", "https:")
        assert replace(site.client(), net=net).download(url, tmp_path / "f").sha256 == SHA
    assert len(site.requests) == 2
    with serving(_dripping(b"HTTP/1.1 200 OK\r\nX: ", b"y"), certificate) as site:
        client, url = replace(site.client(wall_s=0.5, robots=False), net=net), site.url("/v").replace("http:", "https:")
        with pytest.raises(BadMedia) as caught:
            client.download(url, tmp_path / "f")
    assert caught.value.reason == "too_slow"


def test_a_certificate_that_nobody_vouches_for_is_no_connection(tmp_path: Path, certificate: Path) -> None:
    with (
        serving(lambda a: a.answer(200, BODY), certificate) as site,
        pytest.raises(TransientError, match="CERTIFICATE"),
    ):
        site.client(attempts=1).download(site.url("/v").replace("http:", "https:"), tmp_path / "f")
    assert site.requests == []


HEADS = st.lists(
    st.sampled_from(
        [
            "Content-Length: 5", "Content-Length: -1", "Content-Length: 9999999999999999999", "ETag: \"x\"", "ETag:",
            "Transfer-Encoding: chunked", "Content-Range: bytes 0-0/5", "Content-Range: bytes */x", "Location: //[",
            "Location: http://a\x7f/", "Location: ?", "Last-Modified: never", "Date: Sun, 01 Nov 99999 00:00:00 GMT",
            "Retry-After: -5", "Retry-After: x", "Date: 0", "Content-Encoding: x", "Content-Type: ;", "X: \xff\xfe",
        ]
    ),
    max_size=5,
)  # fmt: skip
ANSWERS = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda status, heads, body: "\r\n".join([f"HTTP/1.1 {status} Said", *heads, "", ""]).encode("latin-1") + body,
        st.sampled_from([100, 101, 199, 200, 204, 206, 300, 302, 304, 308, 404, 416, 429, 500, 600, 999]),
        HEADS, st.binary(max_size=20),
    ),
)  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(ANSWERS, max_size=6), st.booleans())
@pytest.mark.slow
def test_whatever_a_server_says_ends_in_bytes_or_a_reason(answers: list[bytes], robots: bool) -> None:
    recorder = Recorder({"a.example": [["93.184.216.34"]]}, list(answers))
    limits = FetchLimits(attempts=2, backoff_s=0.0001, host_requests_per_s=1e9, retry_after_s=0.0, robots=robots)
    with tempfile.TemporaryDirectory() as folder:
        for door in (
            lambda: recorder.client(limits).look_up("http://a.example/v"),
            lambda: recorder.client(limits).download("http://a.example/v", Path(folder) / "f"),
        ):
            try:
                door()
            except BadMedia as e:
                reason = e.reason
            except TransientError:
                continue
            else:
                continue
            if not re.fullmatch("[a-z0-9_]{3,40}", reason):
                pytest.fail(reason)
