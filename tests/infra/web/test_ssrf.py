"""No packet leaves for an address that is not public: resolver and connector are recorders that say where it would."""

from __future__ import annotations

import hashlib
import ipaddress
import time
from dataclasses import replace
from pathlib import Path

import httpcore
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.web import Client, FetchLimits, redacted_url
from infra.web.ssrf import addresses_of, is_public
from infra.web.urls import host_of
from schemas.errors import BadMedia, TransientError
from tests.support.web_server import Recorder, moved, whole

BODY = bytes(range(256)) * 20
SHA = hashlib.sha256(BODY).hexdigest()
QUICK = FetchLimits(backoff_s=0.01, host_requests_per_s=1000.0, robots=False, attempts=2)
OUTSIDE = "93.184.216.34"


def _refused(url: str, path: Path, recorder: Recorder, limits: FetchLimits = QUICK) -> str:
    with pytest.raises(BadMedia) as caught:
        recorder.client(limits).download(url, path)
    return caught.value.reason


PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.1", "192.0.2.5", "198.18.0.1", "198.51.100.4", "203.0.113.9", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "fd00:ec2::254",
    "64:ff9b:1::7f00:1", "::ffff:0:127.0.0.1", "fec0::1", "3fff::1", "5f00::1", "192.88.99.1", "100::1",
    "2001:0:4136:e378:8000:63bf:80ff:fffe", "192.0.0.192", "168.63.129.16", "::ffff:168.63.129.16",
]  # fmt: skip
PUBLIC = [OUTSIDE, "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", PRIVATE)
def test_a_name_that_is_private_is_never_connected_to(tmp_path: Path, address: str) -> None:
    recorder = Recorder({"name.example": [[address]]})
    assert _refused("http://name.example/v.mp4", tmp_path / "f", recorder) == "private_address"
    assert (recorder.resolved, recorder.connected) == (["name.example"], [])


@pytest.mark.parametrize("address", PRIVATE)
def test_a_redirect_to_a_private_address_is_not_followed(tmp_path: Path, address: str) -> None:
    host = f"[{address.partition('%')[0]}]" if ":" in address else address
    recorder = Recorder({"outside.example": [[OUTSIDE]]}, [moved(f"http://{host}/latest/meta-data/")])
    assert _refused("http://outside.example/v.mp4", tmp_path / "f", recorder) == "private_address"
    assert recorder.connected == [(OUTSIDE, 80)]


@pytest.mark.parametrize("looking_up", [True, False], ids=["look_up", "download"])
def test_every_question_is_guarded_and_robots_txt_too(tmp_path: Path, looking_up: bool) -> None:
    recorder = Recorder({"inside.example": [["169.254.169.254"]]})
    client = recorder.client(replace(QUICK, robots=True))
    url = "http://inside.example/"
    with pytest.raises(BadMedia) as caught:
        client.look_up(url) if looking_up else client.download(url, tmp_path / "f")
    assert (caught.value.reason, recorder.connected) == ("private_address", [])


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_taken(tmp_path: Path, address: str) -> None:
    recorder = Recorder({"name.example": [[address]]}, [whole(BODY)])
    assert recorder.client(QUICK).download("http://name.example:8080/v.mp4", tmp_path / "f").sha256 == SHA
    assert recorder.connected == [(address, 8080)]
    assert b"host: name.example:8080" in recorder.sent[0].lower()


def test_the_address_checked_is_the_one_connected_to(tmp_path: Path) -> None:
    """A name that is public when it is checked and private afterwards gains nothing."""
    recorder = Recorder({"rebind.example": [[OUTSIDE], ["127.0.0.1"]]}, [whole(BODY)])
    assert recorder.client(QUICK).download("http://rebind.example/v.mp4", tmp_path / "f").sha256 == SHA
    assert (recorder.resolved, recorder.connected) == (["rebind.example"], [(OUTSIDE, 80)])


def test_a_name_that_turns_private_between_attempts_is_refused(tmp_path: Path) -> None:
    recorder = Recorder({"rebind.example": [[OUTSIDE], ["169.254.169.254"]]}, [b"HTTP/1.1 503 No\r\n\r\n"])
    assert _refused("http://rebind.example/v.mp4", tmp_path / "f", recorder) == "private_address"
    assert recorder.connected == [(OUTSIDE, 80)]


def test_a_name_that_turns_private_between_redirects_is_refused(tmp_path: Path) -> None:
    recorder = Recorder({"rebind.example": [[OUTSIDE], ["10.0.0.1"]]}, [moved("/again")])
    assert _refused("http://rebind.example/v.mp4", tmp_path / "f", recorder) == "private_address"
    assert recorder.connected == [(OUTSIDE, 80)]


def test_a_name_with_one_private_address_is_refused(tmp_path: Path) -> None:
    recorder = Recorder({"mixed.example": [[OUTSIDE, "10.0.0.7"]]})
    assert _refused("http://mixed.example/", tmp_path / "f", recorder) == "private_address"
    assert recorder.connected == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "0177.0.0.1", "localhost", "[::]", "[::1]"])
def test_other_spellings_of_this_machine_are_refused(tmp_path: Path, host: str) -> None:
    """By the system's own resolver, which is what turns them into 127.0.0.1."""
    recorder = Recorder()
    client = Client(replace(QUICK, attempts=1), replace(recorder.net, resolver=_system), recorder.memory)
    with pytest.raises((BadMedia, TransientError)) as caught:
        client.download(f"http://{host}/", tmp_path / "f")
    assert recorder.connected == []
    assert getattr(caught.value, "reason", "unresolved") in ("private_address", "bad_url", "unresolved")


def _system(host: str, port: int) -> list[str]:
    from infra.web.net import resolve

    return list(resolve(host, port))


def test_loopback_is_allowed_by_the_setting_alone_and_for_one_port() -> None:
    assert addresses_of("127.0.0.1", 80, ("127.0.0.1:80",), lambda *_: ["127.0.0.1"]) == ["127.0.0.1"]
    for other in ((), ("127.0.0.1:81",), ("localhost:80",)):
        with pytest.raises(BadMedia):
            addresses_of("127.0.0.1", 80, other, lambda *_: ["127.0.0.1"])


def test_the_next_address_is_tried_where_one_does_not_answer(tmp_path: Path) -> None:
    class Half(Recorder):
        def connect(self, address: str, port: int, timeout_s: float) -> object:  # type: ignore[override]
            if address == "2606:4700::1111":
                self.connected.append((address, port))
                raise httpcore.ConnectError("no route")
            return super().connect(address, port, timeout_s)

    recorder = Half({"two.example": [["2606:4700::1111", OUTSIDE]]}, [whole(BODY)])
    assert recorder.client(QUICK).download("http://two.example/", tmp_path / "f").sha256 == SHA
    assert recorder.connected == [("2606:4700::1111", 80), (OUTSIDE, 80)]


def test_from_https_to_http_is_refused_and_the_other_way_taken(tmp_path: Path) -> None:
    for scheme in ("http", "HTTP", "hTtp"):
        down = Recorder({"a.example": [[OUTSIDE]]}, [moved(f"{scheme}://a.example/v.mp4")])
        assert _refused("https://a.example/v.mp4", tmp_path / "f", down) == "insecure_redirect"
        assert down.connected == [(OUTSIDE, 443)]
    up = Recorder({"a.example": [[OUTSIDE]]}, [moved("https://a.example/v.mp4"), whole(BODY)])
    assert up.client(QUICK).download("http://a.example/v.mp4", tmp_path / "f").sha256 == SHA
    assert up.connected == [(OUTSIDE, 80), (OUTSIDE, 443)]


def test_redirects_are_bounded(tmp_path: Path) -> None:
    recorder = Recorder({"loop.example": [[OUTSIDE]]}, [moved("/loop")] * 9)
    assert (
        _refused("http://loop.example/", tmp_path / "f", recorder, replace(QUICK, redirects=3)) == "too_many_redirects"
    )
    assert len(recorder.connected) == 4


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://b.example/", "http://u:p@b.example/", "http://:p@b.example/", "http://[zz]/"],
)
def test_a_redirect_to_no_url_is_refused(tmp_path: Path, location: str) -> None:
    recorder = Recorder({"a.example": [[OUTSIDE]]}, [moved(location)])
    assert _refused("http://a.example/", tmp_path / "f", recorder) == "bad_url"
    assert recorder.connected == [(OUTSIDE, 80)]


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
    assert _refused(url, tmp_path / "f", recorder) == "bad_url"
    assert (recorder.resolved, recorder.connected) == ([], [])


@settings(deadline=None)
@given(st.text(max_size=80))
def test_whatever_is_listed_is_a_host_or_a_bad_url(text: str) -> None:
    for url in (text, f"http://{text}", f"https://a.example/{text}"):
        try:
            host, port = host_of(url)
        except BadMedia:
            continue
        assert host
        assert 0 < port < 65536


@settings(deadline=None)
@given(st.ip_addresses(v=4))
def test_an_address_inside_an_ipv6_one_is_as_public_as_by_itself(address: object) -> None:
    number = int(ipaddress.IPv4Address(str(address)))
    for form in (f"::ffff:{address}", str(ipaddress.IPv6Address((0x64FF9B << 96) | number))):
        assert is_public(form) == is_public(str(address))


def test_a_signature_is_not_shown() -> None:
    assert redacted_url("https://host/clip.mp4?X-Signature=secret") == "https://host/clip.mp4"
    assert redacted_url("https://host/clip.mp4") == "https://host/clip.mp4"
    assert redacted_url("https://name:secret@host/clip@2.mp4") == "https://host/clip@2.mp4"


@pytest.mark.slow
def test_a_name_of_many_dead_addresses_costs_no_more_than_the_wall_clock(tmp_path: Path) -> None:
    waits: list[float] = []

    class Dead(Recorder):
        def connect(self, address: str, port: int, timeout_s: float) -> httpcore.NetworkStream:
            waits.append(timeout_s)
            time.sleep(0.1)
            raise httpcore.ConnectTimeout("recorded")

    recorder = Dead({"many.example": [[f"93.184.{i // 250}.{i % 250 + 1}" for i in range(4000)]]})
    assert _refused("http://many.example/", tmp_path / "f", recorder, replace(QUICK, wall_s=1.0)) == "too_slow"
    assert 1 <= len(waits) <= 11
    assert max(waits) <= 1.0
