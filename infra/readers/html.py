"""The door to web pages that others made: what a page says of its videos and licence, read in the sandbox.

Python's parser of HTML needs time by the square of some hostile pages: a child with a limit on its time runs it. Read
are the title, descriptions (`description`, Open Graph), videos (schema.org's VideoObject in JSON-LD, `og:video`,
`<video>` and its `<source>`s) and what states a licence: links of `rel=license`, `itemprop=license`, VideoObject's
`license`, and meta elements named dc.rights, dcterms.rights or dcterms.license.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from infra.sandbox import sandbox, tempdirs

LIMITS = sandbox.Limits(memory_bytes=4 << 30, cpu_s=20, wall_s=60.0)
MAX_CHARACTERS = 10_000  # of one text
MAX_VIDEOS, MAX_LICENCES = 1000, 100
RIGHTS = ("dc.rights", "dcterms.rights", "dcterms.license", "license")


@dataclass(slots=True)
class PageVideo:
    """A video of a page, and what is said of this one; empty where nothing is."""

    url: str
    title: str = ""
    description: str = ""
    licence: str = ""


@dataclass(slots=True)
class Page:
    """What a page says. licences: (element, words), in order."""

    title: str = ""
    description: str = ""
    videos: list[PageVideo] = field(default_factory=list)
    licences: list[tuple[str, str]] = field(default_factory=list)


def read_page(body: bytes) -> Page:
    """What the page says. BadMedia: decoder_timeout, decoder_memory, decoder_crashed."""
    with tempdirs.folder("page") as folder:
        (folder / "page").write_bytes(body)
        plain = json.loads(sandbox.run(__name__, [str(folder / "page")], LIMITS))
    return Page(
        plain["title"], plain["description"], [PageVideo(**v) for v in plain["videos"]],
        [(element, words) for element, words in plain["licences"]],
    )  # fmt: skip


def main(argv: list[str]) -> None:
    """The child: argv is the page's file; the answer is JSON."""
    print(json.dumps(asdict(page_of(Path(argv[0]).read_bytes().decode(errors="replace")))))


def page_of(text: str) -> Page:
    """What the page says, read here."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    page = reader.page
    page.title = (reader.open_graph.get("og:title") or page.title).strip()[:MAX_CHARACTERS]
    page.description = (reader.open_graph.get("og:description") or page.description).strip()[:MAX_CHARACTERS]
    graph = (reader.open_graph.get(f"og:video{part}") for part in (":secure_url", ":url", ""))
    one_of_graph = next((url for url in graph if url), "")  # they name the same video
    by_url: dict[str, PageVideo] = {}
    for video in [*reader.structured, PageVideo(one_of_graph), *page.videos]:
        by_url.setdefault(video.url.strip(), video)
    page.videos = [video for url, video in by_url.items() if url][:MAX_VIDEOS]
    page.licences = page.licences[:MAX_LICENCES]
    return page


class _Reader(HTMLParser):
    """Elements as they come."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self.open_graph: dict[str, str] = {}
        self.structured: list[PageVideo] = []
        self._inside = ""  # title, or a script of JSON-LD
        self._parts: list[str] = []
        self._in_video = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Takes what stands in attributes."""
        given = {name: (value or "")[:MAX_CHARACTERS] for name, value in attrs}
        if tag in ("link", "a") and "license" in given.get("rel", "").lower().split() and given.get("href"):
            self.page.licences.append(("rel=license", given["href"]))
        elif given.get("itemprop", "").lower() == "license" and (words := given.get("href") or given.get("content")):
            self.page.licences.append(("itemprop=license", words))
        if tag == "meta":
            self._meta((given.get("property") or given.get("name") or "").lower(), given.get("content", ""))
        elif tag == "title" and not self.page.title:
            self._inside, self._parts = "title", []
        elif tag == "script" and given.get("type", "").lower() == "application/ld+json":
            self._inside, self._parts = "script", []
        elif tag == "video" or (tag == "source" and self._in_video):
            self._in_video += tag == "video"
            if given.get("src"):
                self.page.videos.append(PageVideo(given["src"]))

    def _meta(self, name: str, content: str) -> None:
        if name.startswith("og:"):
            self.open_graph.setdefault(name, content)
        elif name == "description":
            self.page.description = self.page.description or content
        elif name in RIGHTS and content:
            self.page.licences.append((f"meta {name}", content))

    def handle_data(self, data: str) -> None:
        """Text of the title, and of JSON-LD."""
        if self._inside:
            self._parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Takes what has ended."""
        if tag == "video":
            self._in_video = max(self._in_video - 1, 0)
        if tag != self._inside:
            return
        self._inside, text = "", "".join(self._parts)
        if tag == "title":
            self.page.title = text
        else:
            self.structured += _video_objects(text)


def _video_objects(text: str) -> Iterator[PageVideo]:
    """schema.org's VideoObjects of a script, wherever they stand in it."""
    try:
        left: deque[Any] = deque([json.loads(text)])
    except (ValueError, RecursionError):
        return
    while left:
        value = left.popleft()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            kinds = value.get("@type")
            if "VideoObject" in (kinds if isinstance(kinds, list) else [kinds]):
                yield PageVideo(*(_words(value.get(key)) for key in ("contentUrl", "name", "description", "license")))
            left += [inner for inner in value.values() if isinstance(inner, dict | list)]


def _words(value: Any) -> str:
    """A text, or the address of what is named by one."""
    if isinstance(value, dict):
        value = value.get("url") or value.get("@id") or value.get("name")
    return value[:MAX_CHARACTERS] if isinstance(value, str) else ""
