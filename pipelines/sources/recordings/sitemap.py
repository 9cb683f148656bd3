"""Sitemaps: indexes of them, video sitemaps, plain ones, as XML or gzip; each video that a page offers is an item.

Of a `url` with `video:video`s these are the items, by `video:content_loc`. A `loc` that ends like a recording is an
item itself. Any other page, also one whose videos have players alone, is read for the videos that it offers
(infra/readers/html.py); one item a sitemap says how many videos have no file of their own. The page is read for its
licence too where the sitemap states none and the [[source]] neither; a page that cannot be reached leaves its videos
to the next run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin

from infra.readers import html, xml
from infra.readers.html import Page
from infra.readers.xml import Node
from infra.web import redacted_url
from pipelines.sources.recordings.base import Crawl, Item, Source, SourceKind
from pipelines.sources.recordings.web_words import (
    Statement,
    absolute,
    bad_item,
    item_of,
    names_media,
    narrations_of,
    statements_in,
    without_secrets,
)
from schemas.errors import BadMedia, UsageError

SITEMAP_BYTES = 64 << 20  # the protocol's limit is 50 MB
PAGE_BYTES = 4 << 20
MAX_SITEMAPS = 10_000
MAX_PAGES = 20_000  # read in one run: at 10 requests a second half an hour
URLS, SITEMAPS = frozenset(["url"]), frozenset(["sitemap"])


@dataclass(slots=True)
class Walk:
    """A source's sitemaps as they are read. pages: how many of its web pages were read."""

    source: Source
    crawl: Crawl
    sitemaps: set[str] = field(default_factory=set)
    pages: int = 0


@dataclass(slots=True)
class LeftOut:
    """Videos of one sitemap that have no file of their own: how many, and the first one's page."""

    count: int = 0
    first: str = ""


def list_items(source: Source, crawl: Crawl) -> Iterator[Item]:
    """Videos that the sitemap's pages offer, in its order; what cannot be read is an item that says so."""
    if not source.uri.startswith(("http://", "https://")):
        raise UsageError(f"[[source]] uri {source.uri!r}: a feed or sitemap is an http:// or https:// URL")
    yield from _of_sitemap(source.uri, Walk(source, crawl), of_index=False)


def _of_sitemap(url: str, walk: Walk, *, of_index: bool) -> Iterator[Item]:
    """Of one sitemap or index; a bad one, or where it breaks off, is an item that says so."""
    if url in walk.sitemaps:
        return
    walk.sitemaps.add(url)
    left_out = LeftOut()
    try:
        if len(walk.sitemaps) > MAX_SITEMAPS:
            raise BadMedia("too_many_sitemaps", f"an index of more than {MAX_SITEMAPS}; list its later ones apart")
        if (document := walk.crawl.read(url, SITEMAP_BYTES)) is None:
            return
        root = xml.root_name(document.body)
        if root == "sitemapindex" and not of_index:
            for node in xml.records(document.body, SITEMAPS):
                yield from _of_sitemap(absolute(document.url, node.text_of("loc")), walk, of_index=True)
        elif root == "urlset":
            for node in xml.records(document.body, URLS):
                yield from _of_url(node, document.url, walk, left_out)
        else:
            raise BadMedia("not_a_sitemap", f"its root is {root[:40]!r}" + (" inside an index" if of_index else ""))
    except BadMedia as e:
        yield bad_item(url, walk.source, e)
    if left_out.count:
        first = without_secrets(left_out.first)[:200]
        why = f"{left_out.count} videos have a player and no file of their own; the first is on {first}"
        yield bad_item(url, walk.source, BadMedia("no_media_url", why), "players")


def _of_url(node: Node, base: str, walk: Walk, left_out: LeftOut) -> Iterator[Item]:
    """Videos of one `url`; a bad one costs itself alone."""
    place = node.text_of("loc")
    try:
        page_url = urljoin(base, place)
        stated = statements_in(node, f"{redacted_url(base)}#{redacted_url(page_url)}", base)
        videos = node.all("video:video")
        playable = [video for video in videos if video.text_of("video:content_loc")]
        if playable:
            yield from _of_videos(playable, page_url, walk, stated)
        elif names_media(page_url):
            yield from _item(page_url, walk, ("", ""), stated, page_url)
        elif (page := _read_page(page_url, walk)) is not None:
            yield from _of_page(page, page_url, walk, stated)
            playable = videos if page.videos else []
        else:
            return
        left_out.count += len(videos) - len(playable)
        left_out.first = left_out.first or (page_url if left_out.count else "")
    except BadMedia as e:
        yield bad_item(base, walk.source, e, place)
    except ValueError:
        yield bad_item(base, walk.source, BadMedia("bad_url", f"no URL: {without_secrets(place)[:80]!r}"), place)


def _of_videos(playable: list[Node], page_url: str, walk: Walk, stated: list[Statement]) -> Iterator[Item]:
    """Those of a video sitemap's `url` that have a file."""
    own = [statements_in(video, redacted_url(page_url), page_url) or stated for video in playable]
    of_page: list[Statement] = []
    if walk.source.licence is None and not all(own):
        try:
            if (page := _read_page(page_url, walk)) is None:
                return
            of_page = _statements_of(page, page_url)
        except BadMedia:  # it says nothing then
            of_page = []
    for video, said_of_it in zip(playable, own, strict=True):
        words = video.text_of("video:title"), video.text_of("video:description")
        place = urljoin(page_url, video.text_of("video:content_loc"))
        yield from _item(place, walk, words, said_of_it or of_page, page_url)


def _of_page(page: Page, url: str, walk: Walk, stated: list[Statement]) -> Iterator[Item]:
    """Videos that a page offers, often none."""
    for video in page.videos:
        licence = absolute(url, video.licence) if video.licence.startswith("/") else video.licence
        own = [Statement(licence, "VideoObject license", redacted_url(url))] if licence else []
        words = video.title or page.title, video.description or page.description
        yield from _item(urljoin(url, video.url), walk, words, own or stated or _statements_of(page, url), url)


def _read_page(url: str, walk: Walk) -> Page | None:
    """What a page says; None where it is left for the next run. BadMedia: why there is none."""
    walk.pages += 1
    if walk.pages > MAX_PAGES:
        walk.crawl.unreached.append(f"{redacted_url(url)}: more than {MAX_PAGES} pages in one run; list sitemaps apart")
        return None
    document = walk.crawl.read(url, PAGE_BYTES)
    if document is None:
        return None
    return html.read_page(document.body) if b"<" in document.body else Page()


def _statements_of(page: Page, url: str) -> list[Statement]:
    return [
        Statement(absolute(url, words) if element == "rel=license" else words, element, redacted_url(url))
        for element, words in page.licences
    ]


def _item(url: str, walk: Walk, words: tuple[str, str], stated: list[Statement], page_url: str) -> Iterator[Item]:
    """The video; where its URL is none, an item of its page that says so."""
    try:
        yield item_of(url, walk.source, narrations_of(*words), stated)
    except BadMedia as e:
        yield bad_item(page_url, walk.source, e, url)


KIND = SourceKind("sitemap", None, crawl=list_items)
