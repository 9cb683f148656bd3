"""Feeds: RSS 2.0 (1.0 and MRSS too) and Atom; each video that an entry encloses is an item.

An entry's media are its `enclosure`s, its links of `rel=enclosure` and its `media:content`s; of a `media:group`, which
holds the same content several times, the default one, else the largest. What says to be audio, a picture or a document
is passed over. Texts are the title and the description that stand nearest to the media. The licence is what the media,
the group, the entry or the feed says, the nearest that says anything. Further pages (`rel=next`, RFC 5005) are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urljoin

from infra.readers import xml
from infra.readers.xml import Node
from infra.web import Document, redacted_url
from pipelines.sources.recordings.base import Crawl, Item, Narration, Source, SourceKind
from pipelines.sources.recordings.web_words import (
    absolute,
    bad_item,
    in_pages,
    item_of,
    names_media,
    narrations_of,
    statements_in,
    without_secrets,
)
from schemas.errors import BadMedia, UsageError

FEED_BYTES = 64 << 20
MAX_PAGES = 200
ENTRIES = frozenset(["item", "atom:entry"])
ROOTS = ("rss", "rdf:RDF", "atom:feed")
TITLES = ("media:title", "title", "atom:title", "dc:title")
DESCRIPTIONS = (
    "media:description", "description", "atom:summary", "dc:description", "atom:content", "content:encoded",
)  # fmt: skip


def list_items(source: Source, crawl: Crawl) -> Iterator[Item]:
    """Videos of the feed's entries, in its order; what cannot be read is an item that says so."""
    if not source.uri.startswith(("http://", "https://")):
        raise UsageError(f"[[source]] uri {source.uri!r}: a feed or sitemap is an http:// or https:// URL")
    url, read_before = source.uri, set[str]()
    while url and url not in read_before:
        read_before.add(url)
        try:
            if len(read_before) > MAX_PAGES:
                raise BadMedia("too_many_pages", f"more than {MAX_PAGES} pages of one feed; list the later ones apart")
            if (document := crawl.read(url, FEED_BYTES)) is None:
                return
            feed = xml.head(document.body, ENTRIES)
            if feed.name not in ROOTS:
                raise BadMedia("not_a_feed", f"its root is {feed.name[:40]!r}, neither RSS nor Atom")
        except BadMedia as e:
            yield bad_item(url, source, e)
            return
        yield from in_pages(_items(document, feed, source), url, source)
        url = _next_page(feed, document.url)


def _next_page(feed: Node, base: str) -> str:
    """The URL of the next page; empty where there is none."""
    for node in (feed, *feed.all("channel")):
        for link in node.all("atom:link"):
            if link.attributes.get("rel") == "next" and link.attributes.get("href"):
                return absolute(base, link.attributes["href"])
    return ""


def _items(document: Document, feed: Node, source: Source) -> Iterator[Item]:
    where = redacted_url(document.url)
    of_feed = [s for node in (*feed.all("channel"), feed) for s in statements_in(node, where, document.url)]
    for number, entry in enumerate(xml.records(document.body, ENTRIES), 1):
        name = entry.text_of("guid", "atom:id", "link") or str(number)
        of_entry = f"{where}#{without_secrets(name)[:200]}"
        for path in _media_of(entry):
            url = path[-1].attributes.get("url") or path[-1].attributes["href"]
            outward = list(reversed(path))
            stated = next((s for n in outward if (s := statements_in(n, of_entry, document.url))), of_feed)
            try:
                yield item_of(urljoin(document.url, url.strip()), source, _narrations(outward), stated)
            except (BadMedia, ValueError) as e:
                error = e if isinstance(e, BadMedia) else BadMedia("bad_url", f"no URL: {without_secrets(url)[:80]!r}")
                yield bad_item(document.url, source, error, name)


def _narrations(outward: list[Node]) -> tuple[Narration, ...]:
    title, description = (
        next((text for node in outward if (text := node.text_of(*names))), "") for names in (TITLES, DESCRIPTIONS)
    )
    return narrations_of(title, description)


def _media_of(entry: Node) -> Iterator[list[Node]]:
    """Each video of an entry, as the path of elements that leads to it; a URL that stands there twice once."""
    paths = [[entry, content] for content in entry.all("media:content")]
    for group in entry.all("media:group"):
        contents = [content for content in group.all("media:content") if _is_video(content)]
        paths += [[entry, group, max(contents, key=_rank)]] if contents else []
    paths += [[entry, enclosure] for enclosure in entry.all("enclosure")]
    links = [link for link in entry.all("atom:link") if link.attributes.get("rel") == "enclosure"]
    paths += [[entry, link] for link in links]
    taken = set[str]()
    for path in paths:
        url = path[-1].attributes.get("url") or path[-1].attributes.get("href") or ""
        if url and url not in taken and _is_video(path[-1]):
            taken.add(url)
            yield path


def _is_video(node: Node) -> bool:
    """Whether an element offers a video: by its type or medium, else by its URL's suffix."""
    kind, medium = node.attributes.get("type", "").lower(), node.attributes.get("medium", "").lower()
    if kind.startswith("video/") or (medium == "video" and not kind):
        return True
    if kind and not kind.startswith(("application/octet-stream", "binary/")):
        return False
    return names_media(node.attributes.get("url") or node.attributes.get("href") or "")


def _rank(content: Node) -> tuple[bool, float, float, float]:
    numbers = [_number(content.attributes.get(name, "")) for name in ("height", "bitrate", "fileSize")]
    return content.attributes.get("isDefault", "").lower() == "true", numbers[0], numbers[1], numbers[2]


def _number(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0.0


KIND = SourceKind("feed", None, crawl=list_items)
