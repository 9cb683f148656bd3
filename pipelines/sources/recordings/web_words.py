"""What feeds, sitemaps and pages say of a recording in words: its text, and its licence with the evidence for it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import PurePosixPath
from urllib.parse import urljoin, urlsplit

from infra.readers.xml import Node
from infra.web import redacted_url
from pipelines.sources.recordings.base import MEDIA_SUFFIXES, TEXT_CHARACTERS, Item, Narration, Source, clean
from pipelines.sources.recordings.url_list import unsigned, web_item
from schemas.errors import BadMedia
from schemas.keys import digest_of

MARKUP_CHARACTERS = 50_000  # of one text; what is behind them is no title or description
CREATIVE_COMMONS = re.compile(r"https?://(?:www\.)?creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)/?(?:deed\.\w+)?")
CC0 = re.compile(r"https?://(?:www\.)?creativecommons\.org/publicdomain/zero/1\.0/?(?:deed\.\w+)?")
# Elements whose text, or first of these attributes, says a licence; before those that only say whose rights they are.
LICENCES = ("media:license", "creativeCommons:license", "cc:license", "dcterms:license")
RIGHTS = ("dc:rights", "dcterms:rights", "atom:rights", "media:copyright", "copyright")
URL_LIKE = re.compile(r"\S*(?://|\?[\w%&=]|#\S*=)\S*")  # a word that may be a URL, relative ones too
PLACES = ("href", "url", "rdf:resource")


@dataclass(frozen=True, slots=True)
class Statement:
    """Words about a licence, the element that they stand in, and where that is: a URL, and an entry of it."""

    words: str
    element: str
    where: str


def absolute(base: str, place: str) -> str:
    """The URL of a place; one that is none stays as it is, and is refused when it is asked for."""
    try:
        return urljoin(base, place)
    except ValueError:
        return place


def without_secrets(words: str) -> str:
    """Words as they may be stored: URLs in them without name, password and query.

    What a query says beside the keys that sign it is 8 digits of its hash: two pages of one path stay two.
    """
    return URL_LIKE.sub(lambda match: _without_secrets(match[0]), words)


def _without_secrets(url: str) -> str:
    plain, query = redacted_url(url), unsigned(url).partition("#")[0].partition("?")[2]
    return re.sub("#.*=.*", "", plain) + (f"?{digest_of(query)[:8]}" if query else "")


def statements_in(node: Node, where: str, base: str) -> list[Statement]:
    """What an element's own children say of the licence; links are made absolute."""
    said_here = [
        Statement(absolute(base, link.attributes["href"]), "rel=license", where)
        for link in node.all("atom:link", "link")
        if "license" in link.attributes.get("rel", "").lower().split() and "href" in link.attributes
    ]
    for name in (*LICENCES, *RIGHTS):
        for child in node.all(name):
            place = next((child.attributes[key] for key in PLACES if child.attributes.get(key)), "")
            words = child.text if name in RIGHTS else place or child.text
            if words := clean(words or place):
                said_here.append(Statement(words, name, where))
    return said_here


def licence_of(statements: Iterable[Statement]) -> tuple[str, str | None]:
    """The licence as it is stored, and the evidence for it; of several all, since the strictest terms hold.

    URLs in either are `without_secrets`.
    """
    by_words: dict[str, Statement] = {}
    for statement in statements:
        by_words.setdefault(without_secrets(spdx_of(statement.words)), statement)
    evidence = "; ".join(f"{s.element} {without_secrets(s.words)} at {s.where}" for s in by_words.values())
    return clean("; ".join(by_words)), clean(evidence) or None


def spdx_of(words: str) -> str:
    """A Creative Commons URL as its SPDX id; other words as they are."""
    if CC0.fullmatch(words):
        return "CC0-1.0"
    if match := CREATIVE_COMMONS.fullmatch(words):
        return f"CC-{match[1].upper()}-{match[2]}"
    return words


def narrations_of(title: str, description: str) -> tuple[Narration, ...]:
    """Title and description as narrations of the whole recording, without markup; one where they say the same."""
    texts = [text for text in (plain_text(title), plain_text(description)) if text]
    return tuple(Narration(text) for text in dict.fromkeys(texts))


def item_of(url: str, source: Source, narrations: tuple[Narration, ...], statements: Iterable[Statement]) -> Item:
    """A recording that the web offers. BadMedia `bad_url`."""
    licence, evidence = licence_of(statements)
    return replace(web_item(url, source, licence), narrations=narrations, licence_evidence=evidence)


def bad_item(url: str, source: Source, error: BadMedia, part: str = "") -> Item:
    """A document, or a part of it, that says why it cannot be read; in other words it is another revision."""
    uri = redacted_url(clean(url)) + (f"#{without_secrets(part)[:200]}" if part else "")
    return Item(uri, f"{error.reason}-{digest_of(error.detail)[:8]}", source.stage, bad=(error.reason, error.detail))


def plain_text(markup: str) -> str:
    """One line of text: without tags, and with characters for their references."""
    if "<" not in markup and "&" not in markup:
        return clean(markup)
    reader = _Words()
    reader.feed(markup[:MARKUP_CHARACTERS])
    reader.close()
    return clean(" ".join(reader.parts), TEXT_CHARACTERS)


class _Words(HTMLParser):
    """Text outside of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """A script or style hides what follows."""
        self._hidden = tag if tag in ("script", "style") else self._hidden

    def handle_endtag(self, tag: str) -> None:
        """It ends there."""
        self._hidden = "" if tag == self._hidden else self._hidden

    def handle_data(self, data: str) -> None:
        """Text between tags."""
        if not self._hidden:
            self.parts.append(data)


def names_media(url: str) -> bool:
    """Whether a URL's path ends like a recording's."""
    try:
        return PurePosixPath(urlsplit(url).path).suffix.lower() in MEDIA_SUFFIXES
    except ValueError:  # no URL
        return False


def in_pages(items: Iterator[Item], url: str, source: Source) -> Iterator[Item]:
    """The items; what breaks off a document is an item behind them that says so."""
    try:
        yield from items
    except BadMedia as e:
        yield bad_item(url, source, e)
