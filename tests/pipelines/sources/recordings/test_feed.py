"""Feeds from a real server: which media an entry offers, its words, and its licence with where that was read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from filters.licences import refusal
from pipelines.sources.recordings import Crawl, Item, Source, list_items
from pipelines.sources.recordings.web_words import Statement, licence_of, plain_text, without_secrets
from schemas.errors import UsageError
from tests.support.web_server import Asked, Site, serving

BY, NC = "https://creativecommons.org/licenses/by/4.0/", "http://creativecommons.org/licenses/by-nc/3.0/"
SPACES = (
    'xmlns:media="http://search.yahoo.com/mrss/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule"'
)


@contextmanager
def site_of(pages: Mapping[str, str | bytes | int]) -> Iterator[Site]:
    """A server of these documents; a number is a status."""

    def answer(asked: Asked) -> None:
        page = pages.get(asked.path, 404)
        body = page.encode() if isinstance(page, str) else page
        asked.answer(body) if isinstance(body, int) else asked.answer(200, body)

    with serving(answer) as site:
        yield site


def items_of(
    pages: Mapping[str, str | bytes | int], *, licence: str | None = None
) -> tuple[list[Item], list[str], str]:
    """What `/feed` offers, what was not reached, and the site's address."""
    with site_of(pages) as site:
        crawl = Crawl(site.client(attempts=1))
        items = list(list_items([Source("feed", site.url("/feed"), licence=licence)], crawl))
        return items, crawl.unreached, site.url("")


def rss(*entries: str, head: str = "") -> str:
    return (
        f'<?xml version="1.0"?><rss version="2.0" {SPACES}><channel><title>Jars</title>{head}{"".join(entries)}'
        "</channel></rss>"
    )


def entry(inside: str, name: str = "1") -> str:
    return f"<item><guid>{name}</guid><title>Opens &amp;amp; shuts</title>{inside}</item>"


def test_enclosures_with_their_words_and_without_their_markup() -> None:
    feed = rss(
        entry('<description><![CDATA[<p>A <b>hand</b> opens it.</p><script>x()</script>]]></description>'
              '<enclosure url="/a.mp4?token=secret" type="video/mp4" length="5"/>'),
        entry('<enclosure url="https://b.example/b.webm"/><enclosure url="b.mp3" type="audio/mpeg"/>'
              '<enclosure url="c.jpg"/>', "2"),
        entry("", "3"),
    )  # fmt: skip
    (one, two), unreached, site = items_of({"/feed": feed}, licence="CC0-1.0")
    assert (one.uri, one.signed_uri) == (f"{site}/a.mp4", f"{site}/a.mp4?token=secret")
    assert [n.text for n in one.narrations] == ["Opens & shuts", "A hand opens it."]
    assert (one.revision, one.licence, one.licence_evidence, one.bad) == ("", "CC0-1.0", None, None)
    assert two.uri == "https://b.example/b.webm"
    assert unreached == []


def test_of_a_group_the_default_or_the_largest_and_each_url_once() -> None:
    sizes = "".join(f'<media:content url="/{h}.mp4" type="video/mp4" height="{h}"/>' for h in (240, 1080, 480))
    chosen = '<media:content url="/chosen.mp4" medium="video" height="1" isDefault="true"/>'
    words = "<media:title>Grip</media:title><media:description>Of a lid.</media:description>"
    feed = rss(
        entry(f'<media:group>{sizes}{words}</media:group><enclosure url="/1080.mp4" type="video/mp4"/>'),
        entry(f"<media:group>{sizes}{chosen}</media:group>", "2"),
        entry('<media:content url="http://tube/v/x" type="application/x-shockwave-flash"/>', "3"),
    )
    (one, two), _, site = items_of({"/feed": feed})
    assert (one.uri, [n.text for n in one.narrations]) == (f"{site}/1080.mp4", ["Grip", "Of a lid."])
    assert two.uri == f"{site}/chosen.mp4"


def test_atom_with_its_links_and_further_pages() -> None:
    def atom(name: str, more: str = "") -> str:
        return (
            f'<feed xmlns="http://www.w3.org/2005/Atom"><title>All</title><link rel="license" href="{NC}"/>{more}'
            f'<entry><id>urn:{name}</id><title type="html">Lifts &lt;i&gt;it&lt;/i&gt;</title>'
            f'<summary>Slowly.</summary><link rel="enclosure" type="video/mp4" href="{name}.mp4"/>'
            f'<link rel="license" href="{BY}"/></entry></feed>'
        )

    pages = {"/feed": atom("a", '<link rel="next" href="/2"/>'), "/2": atom("b", '<link rel="next" href="/feed"/>')}
    items, _, site = items_of(pages)
    assert [i.uri for i in items] == [f"{site}/a.mp4", f"{site}/b.mp4"]
    assert [n.text for n in items[0].narrations] == ["Lifts it", "Slowly."]
    assert items[1].licence == "CC-BY-4.0"
    assert items[1].licence_evidence == f"rel=license {BY} at {site}/2#urn:b"


@pytest.mark.parametrize(
    ("inside", "licence", "evidence"),
    [
        (f'<media:license type="text/html" href="{BY}">CC BY</media:license>', "CC-BY-4.0", f"media:license {BY}"),
        (f"<creativeCommons:license>{NC}</creativeCommons:license>", "CC-BY-NC-3.0", f"creativeCommons:license {NC}"),
        ("<dc:rights>All rights reserved</dc:rights>", "All rights reserved", "dc:rights All rights reserved"),
        ("<media:copyright url='/terms'>2026 Me</media:copyright>", "2026 Me", "media:copyright 2026 Me"),
    ],
)
def test_what_an_entry_says_of_its_licence_outranks_the_feed_and_the_source(
    inside: str, licence: str, evidence: str
) -> None:
    head = "<creativeCommons:license>https://creativecommons.org/publicdomain/zero/1.0/</creativeCommons:license>"
    media = '<enclosure url="a.mp4"/>'
    (one, two), _, site = items_of({"/feed": rss(entry(inside + media), entry(media, "2"), head=head)}, licence="mine")
    assert (one.licence, one.licence_evidence) == (licence, f"{evidence} at {site}/feed#1")
    assert two.licence == "CC0-1.0"
    assert two.licence_evidence is not None
    assert two.licence_evidence.endswith(f"at {site}/feed")


def test_of_several_licences_the_strictest_holds_and_each_is_evidence() -> None:
    licence, evidence = licence_of(
        [
            Statement(BY, "rel=license", "here"),
            Statement("All rights reserved", "dc:rights", "there"),
            Statement("https://creativecommons.org/licenses/by/4.0", "media:license", "there"),
        ]
    )
    assert licence == "CC-BY-4.0; All rights reserved"
    assert refusal(licence, "research") == "licence_reserved"
    assert evidence == f"rel=license {BY} at here; dc:rights All rights reserved at there"
    assert licence_of([]) == ("", None)


def test_a_feed_that_is_none_is_an_item_that_says_why() -> None:
    pages: dict[str, str | bytes | int] = {
        "/feed": "<html><body>Log in</body></html>",
    }
    for page, reason in (
        (404, "http_404"),
        ("<html><body>Log in</body></html>", "not_a_feed"),
        ("no xml", "bad_xml"),
        ('<!DOCTYPE rss [<!ENTITY x "y">]><rss/>', "xml_entities"),
        ("<rss>" + "<a>" * 100, "xml_too_deep"),
    ):
        pages["/feed"] = page
        (item,), unreached, site = items_of(pages)
        assert item.bad is not None
        assert (item.uri, item.bad[0], unreached) == (f"{site}/feed", reason, [])
    items, unreached, site = items_of({"/feed": 503})
    assert items == []
    assert len(unreached) == 1
    assert unreached[0].startswith(f"{site}/feed: ")


def test_one_bad_entry_costs_itself_and_a_broken_tail_the_rest() -> None:
    good = entry('<enclosure url="/a.mp4"/>', "good")
    feed = rss(good, entry('<enclosure url="http://[::1/b.mp4" type="video/mp4"/>', "b"),
               entry('<enclosure url="ftp://a/c.mp4"/>', "c"), good.replace("a.mp4", "d.mp4"))  # fmt: skip
    items, _, site = items_of({"/feed": feed})
    assert [(i.uri, i.bad and i.bad[0]) for i in items] == [
        (f"{site}/a.mp4", None), (f"{site}/feed#b", "bad_url"), (f"{site}/feed#c", "bad_url"), (f"{site}/d.mp4", None),
    ]  # fmt: skip
    items, _, site = items_of({"/feed": feed.replace("</channel>", "&nbsp;</oops>")})
    assert [(i.uri, i.bad and i.bad[0]) for i in items][-2:] == [(f"{site}/d.mp4", None), (f"{site}/feed", "bad_xml")]


def test_robots_keep_a_feed_to_themselves() -> None:
    with site_of({"/feed": rss()}) as site:
        site.robots = b"User-agent: *\nDisallow: /feed"
        (item,) = list_items([Source("feed", site.url("/feed"))], Crawl(site.client()))
        assert item.bad is not None
        assert item.bad[0] == "robots_disallow"
        assert site.asked == []


def test_a_feed_is_a_url() -> None:
    with pytest.raises(UsageError, match="http"):
        list(list_items([Source("feed", "feed.xml")]))


def test_text_of_markup() -> None:
    assert plain_text("a &lt; b") == "a < b"
    assert plain_text("<p>one</p><style>p{}</style>\n<p>two &amp; three") == "one two & three"
    assert plain_text("plain") == "plain"


def test_a_link_that_is_no_url_costs_neither_its_feed_nor_an_entry() -> None:
    broken = "http://[x"
    links = f'<atom:link rel="next" href="{broken}"/><atom:link rel="license" href="{broken}"/>'
    one = entry('<enclosure url="/a.mp4"/>')
    two = entry(f'<atom:link rel="license" href="{broken}/2"/><enclosure url="/b.mp4"/>', "2")
    items, _, site = items_of({"/feed": rss(one, two, head=links)})
    assert [(i.uri, i.licence, i.bad and i.bad[0]) for i in items] == [
        (f"{site}/a.mp4", broken, None), (f"{site}/b.mp4", f"{broken}/2", None), (broken, None, "bad_url"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "https://u:SECRET@x.example/1?p=7", "http://x.example/1?p=7&amp;token=SECRET", "/1?key=SECRET", "1?SECRET",
        "http://x.example/1#access_token=SECRET", "//u:SECRET@x.example/1",
    ],
)  # fmt: skip
def test_no_secret_of_a_name_or_licence_is_stored(name: str) -> None:
    said = f"<dc:rights>See {name} for more</dc:rights>"
    link = f'<atom:link rel="license" href="{name}"/>'
    good = entry(f'{said}{link}<enclosure url="/a.mp4"/>', name)
    bad = entry('<enclosure url="http://u:SECRET@[x/b.mp4?token=SECRET" type="video/mp4"/>', name)
    items, _, site = items_of({"/feed": rss(good, bad)})
    assert [i.bad and i.bad[0] for i in items] == [None, "bad_url"]
    assert "SECRET" not in repr(items)
    assert items[0].licence_evidence is not None
    assert f"{site}/feed#" in items[0].licence_evidence
    assert "for more" in (items[0].licence or "")


def test_words_without_secrets() -> None:
    assert without_secrets("Is it free? Yes, by me@x.example") == "Is it free? Yes, by me@x.example"
    assert without_secrets("http://x/1?token=a") == without_secrets("http://x/1?token=b") == "http://x/1"
    one, two = without_secrets("/watch?v=1&sig=a"), without_secrets("/watch?v=2&sig=a")
    assert one != two
    assert one == without_secrets("/watch?v=1&sig=b")
    assert (one.startswith("/watch?"), len(one)) == (True, len("/watch?") + 8)
