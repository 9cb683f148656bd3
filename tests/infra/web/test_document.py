"""Small documents: whole, unpacked and bounded, under the manners of every other request."""

from __future__ import annotations

import gzip
import zlib

import pytest

from schemas.errors import BadMedia, TransientError
from tests.support.web_server import Asked, serving

BODY = b"<rss>" + b"x" * 5000 + b"</rss>"


def test_a_page_a_feed_and_a_gzip_are_read() -> None:
    packed = gzip.compress(BODY)

    def answer(asked: Asked) -> None:
        if asked.path == "/moved":
            asked.answer(302, Location="/feed")
        elif asked.path == "/feed":
            asked.answer(200, BODY, Content_Type="Text/XML; charset=utf-8")
        else:
            asked.answer(200, packed, Content_Encoding="gzip" if asked.path == "/coded" else "")

    with serving(answer) as site:
        client = site.client()
        got = client.read(site.url("/moved"), len(BODY))
        assert (got.url, got.body, got.media_type) == (site.url("/feed"), BODY, "text/xml")
        assert client.read(site.url("/s.xml.gz"), len(BODY)).body == client.read(site.url("/coded"), 6000).body == BODY
        assert site.asked_robots == 1


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (BODY, {}, "too_large"),
        (gzip.compress(b"\0" * (100 << 20), 1, mtime=0), {}, "too_large"),
        (gzip.compress(BODY, mtime=0)[:-9], {}, "bad_gzip"),
        (b"\x1f\x8bnone", {}, "bad_gzip"),
        (zlib.compress(b"x"), {"Content_Encoding": "deflate"}, "content_encoded"),
    ],
    ids=["long", "bomb", "cut", "no-gzip", "deflate"],
)
def test_what_is_too_large_or_packed_wrongly_is_refused(body: bytes, headers: dict[str, str], reason: str) -> None:
    limit = 5000 if reason == "too_large" and body == BODY else 1 << 20
    with serving(lambda asked: asked.answer(200, body, **headers)) as site, pytest.raises(BadMedia) as error:
        site.client().read(site.url("/x"), limit)
    assert error.value.reason == reason


def test_what_may_not_be_asked_or_is_not_there_says_so() -> None:
    with serving(lambda asked: asked.answer(404 if asked.path == "/gone" else 503)) as site:
        site.robots = b"User-agent: *\nDisallow: /private/"
        for path, reason in (("/gone", "http_404"), ("/private/feed", "robots_disallow")):
            with pytest.raises(BadMedia) as error:
                site.client().read(site.url(path), 1000)
            assert error.value.reason == reason
        assert site.asked == ["/gone"]
        with pytest.raises(TransientError, match="503"):
            site.client(attempts=2).read(site.url("/busy"), 1000)
        assert site.asked == ["/gone", "/busy", "/busy"]


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    cut = [BODY[:100], BODY]

    def answer(asked: Asked) -> None:
        asked.answer(200, cut.pop(0), Content_Length=str(len(BODY)))

    with serving(answer) as site:
        assert site.client().read(site.url("/x"), 10_000).body == BODY
