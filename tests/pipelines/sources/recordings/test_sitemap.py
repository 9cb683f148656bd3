"""Sitemaps from a real server: indexes, video sitemaps, gzip, and pages that are read for their videos and licences."""

from __future__ import annotations

import gzip
from collections.abc import Mapping

import pytest

from pipelines.sources.recordings import Crawl, Item, Source, list_items, sitemap
from schemas.errors import UsageError
from tests.pipelines.sources.recordings.test_feed import site_of

SPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
    'xmlns:video="http://www.google.com/schemas/sitemap-video/1.1" xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
BY = "https://creativecommons.org/licenses/by/4.0/"


def urlset(*urls: str) -> str:
    return f"<urlset {SPACES}>{''.join(f'<url>{u}</url>' for u in urls)}</urlset>"


def index(*places: str) -> str:
    return f"<sitemapindex {SPACES}>{''.join(f'<sitemap><loc>{p}</loc></sitemap>' for p in places)}</sitemapindex>"


def video(place: str, more: str = "") -> str:
    where = f"<video:content_loc>{place}</video:content_loc>" if place else "<video:player_loc>/p</video:player_loc>"
    return f"<video:video><video:title>Lid</video:title>{where}{more}</video:video>"


def items_of(
    pages: Mapping[str, str | bytes | int], *, licence: str | None = None
) -> tuple[list[Item], list[str], list[str], str]:
    """What `/sitemap.xml` offers, what was not reached, what was asked for, and the site's address."""
    with site_of(pages) as site:
        crawl = Crawl(site.client(attempts=1))
        items = list(list_items([Source("sitemap", site.url("/sitemap.xml"), licence=licence)], crawl))
        return items, crawl.unreached, site.asked, site.url("")


def test_an_index_of_packed_video_sitemaps() -> None:
    one = urlset(f"<loc>/page1</loc>{video('/a.mp4', '<video:description>Opens.</video:description>')}")
    two = urlset(f"<loc>/page2</loc>{video('/b.mp4')}{video('http://c.example/c.mp4?sig=x')}")
    pages = {"/sitemap.xml": index("/1.xml.gz", "/2.xml", "/1.xml.gz"), "/1.xml.gz": gzip.compress(one.encode())}
    items, unreached, asked, site = items_of(pages | {"/2.xml": two}, licence="CC0-1.0")
    assert [i.uri for i in items] == [f"{site}/a.mp4", f"{site}/b.mp4", "http://c.example/c.mp4"]
    assert [n.text for n in items[0].narrations] == ["Lid", "Opens."]
    assert {i.licence for i in items} == {"CC0-1.0"}
    assert (unreached, asked) == ([], ["/sitemap.xml", "/1.xml.gz", "/2.xml"])


def test_a_licence_is_read_in_the_sitemap_else_on_the_page() -> None:
    pages = {
        "/sitemap.xml": urlset(
            f"<loc>/p1</loc>{video('/a.mp4', '<dc:rights>CC BY-NC 4.0</dc:rights>')}",
            f"<loc>/p2</loc>{video('/b.mp4')}{video('/c.mp4')}",
            f"<loc>/p3</loc>{video('/d.mp4')}",
            f"<loc>/p4</loc>{video('/e.mp4')}",
        ),
        "/p2": f'<html><a rel="license" href="{BY}">terms</a></html>',
        "/p4": 503,
    }
    items, unreached, asked, site = items_of(pages)
    assert [(i.uri.removeprefix(site), i.licence) for i in items] == [
        ("/a.mp4", "CC BY-NC 4.0"), ("/b.mp4", "CC-BY-4.0"), ("/c.mp4", "CC-BY-4.0"), ("/d.mp4", None),
    ]  # fmt: skip
    assert items[0].licence_evidence == f"dc:rights CC BY-NC 4.0 at {site}/p1"
    assert items[1].licence_evidence == f"rel=license {BY} at {site}/p2"
    assert asked == ["/sitemap.xml", "/p2", "/p3", "/p4"]
    assert [line.split(": ")[0] for line in unreached] == [f"{site}/p4"]


def test_pages_without_tags_are_read_for_their_videos() -> None:
    structured = '{"@type": "VideoObject", "contentUrl": "/v/1.mp4", "name": "Jar", "license": "/terms"}'
    pages = {
        "/sitemap.xml": urlset("<loc>/page</loc>", "<loc>/plain</loc>", "<loc>/media/x.webm</loc>", "<loc>/gone</loc>"),
        "/page": f"<title>All</title><script type='application/ld+json'>{structured}</script><video src='2.mp4'>",
        "/plain": "no markup",
    }
    items, _, _, site = items_of(pages)
    assert [(i.uri.removeprefix(site), i.bad and i.bad[0]) for i in items] == [
        ("/v/1.mp4", None), ("/2.mp4", None), ("/media/x.webm", None), ("/sitemap.xml#/gone", "http_404"),
    ]  # fmt: skip
    assert [[n.text for n in i.narrations] for i in items[:2]] == [["Jar"], ["All"]]
    assert (items[0].licence, items[1].licence) == (f"{site}/terms", None)


def test_videos_that_have_a_player_alone_are_counted() -> None:
    pages: dict[str, str | bytes | int] = {
        "/sitemap.xml": urlset(
            f"<loc>/p1</loc>{video('')}{video('/a.mp4')}",
            f"<loc>/p2</loc>{video('')}",
            f"<loc>/p3</loc>{video('')}",
        ),
        "/p2": "<iframe src='/player'></iframe>",
        "/p3": "<video src='/b.mp4'></video>",
    }
    items, _, _, site = items_of(pages, licence="x")
    assert [i.uri for i in items] == [f"{site}/a.mp4", f"{site}/b.mp4", f"{site}/sitemap.xml#players"]
    assert items[2].bad is not None
    assert items[2].bad[0] == "no_media_url"
    assert items[2].bad[1].startswith("2 videos have a player and no file of their own; the first is on")


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (404, "http_404"),
        ("<html/>", "not_a_sitemap"),
        ("User-agent: *", "bad_xml"),
        ('<!DOCTYPE x [<!ENTITY y "z">]><urlset/>', "xml_entities"),
        (gzip.compress(b"\0" * (65 << 20)), "too_large"),
        ("<urlset>" + "<a>" * 100, "xml_too_deep"),
    ],
)
def test_a_sitemap_that_is_none_is_an_item_that_says_why(page: str | bytes | int, reason: str) -> None:
    items, _, _, site = items_of({"/sitemap.xml": page})
    assert [(i.uri, i.bad and i.bad[0]) for i in items] == [(f"{site}/sitemap.xml", reason)]


def test_a_bad_part_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = {
        "/sitemap.xml": index("/1.xml", "/2.xml", "/3.xml", "/4.xml"),
        "/1.xml": index("/5.xml"),
        "/2.xml": 503,
        "/3.xml": urlset(f"<loc>http://[::1</loc>{video('/x.mp4')}", f"<loc>/p</loc>{video('ftp://x/y.mp4')}"),
        "/4.xml": urlset(f"<loc>/p</loc>{video('/a.mp4')}"),
    }
    items, unreached, _, site = items_of(pages, licence="x")
    assert [(i.uri.removeprefix(site), i.bad and i.bad[0]) for i in items] == [
        ("/1.xml", "not_a_sitemap"), ("/3.xml#http://[::1", "bad_url"), ("/p#ftp://x/y.mp4", "bad_url"),
        ("/a.mp4", None),
    ]  # fmt: skip
    assert len(unreached) == 1
    monkeypatch.setattr(sitemap, "MAX_SITEMAPS", 3)
    items, _, _, _ = items_of(pages, licence="x")
    assert [i.bad and i.bad[0] for i in items][-2:] == ["too_many_sitemaps", "too_many_sitemaps"]


def test_pages_beyond_the_limit_are_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "MAX_PAGES", 1)
    pages = {
        "/sitemap.xml": urlset("<loc>/1</loc>", "<loc>/2</loc>"),
        "/1": "<video src=a.mp4>",
        "/2": "<video src=b.mp4>",
    }
    items, unreached, asked, site = items_of(pages)
    assert [i.uri for i in items] == [f"{site}/a.mp4"]
    assert "/2" not in asked
    assert "more than 1 pages" in unreached[0]


def test_a_sitemap_is_a_url() -> None:
    with pytest.raises(UsageError, match="http"):
        list(list_items([Source("sitemap", "s3://bucket/sitemap.xml")]))


def test_no_secret_of_a_place_is_stored() -> None:
    pages = {
        "/sitemap.xml": urlset(
            "<loc>/gone?id=1&amp;token=SECRET</loc>",
            "<loc>/gone?id=2&amp;token=SECRET</loc>",
            "<loc>http://u:SECRET@x.example/p</loc>",
            "<loc>http://u:SECRET@[x/p.mp4</loc>",
            f"<loc>/p</loc>{video('http://u:SECRET@x.example/a.mp4?token=SECRET')}",
            f"<loc>/play?token=SECRET</loc>{video('')}",
        ),
        "/play?token=SECRET": "<html></html>",
    }
    items, _, _, _ = items_of(pages, licence="CC0-1.0")
    assert [i.bad and i.bad[0] for i in items] == ["http_404"] * 2 + ["bad_url"] * 3 + ["no_media_url"]
    assert len({i.uri for i in items}) == len(items)
    assert "SECRET" not in repr(items)
