"""What a source yields: one recording to ingest, with what the source says of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from infra.archives import reader
from infra.storage.objects import ObjectInfo
from infra.web import Client, Document, redacted_url
from pipelines.hop import Progress
from schemas.errors import BadMedia, TransientError
from schemas.keys import digest_of
from schemas.spans import Span

MEDIA_SUFFIXES = frozenset(
    [
        ".mp4",
        ".m4v",
        ".mov",
        ".mkv",
        ".webm",
        ".avi",
        ".mpg",
        ".mpeg",
        ".ts",
        ".mts",
        ".m2ts",
        ".3gp",
        ".flv",
        ".wmv",
        ".ogv",
        ".gif",
    ]
)

STAGES = ("web", "ego")
TEXT_CHARACTERS = 2000
CLOCK = re.compile(r"\s*(?:(\d{1,4}):)?([0-5]?\d):([0-5]?\d(?:[.,]\d{1,9})?)\s*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListColumns:
    """Which columns of a list hold what; None: those that lists are known to have (list_cells.NAMES)."""

    url: str | None = None
    caption: str | None = None
    start: str | None = None  # seconds or clocks, as end
    end: str | None = None
    spans: str | None = None  # lists of [start, end], one for each caption of the cell
    licence: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """One [[source]] of the config."""

    kind: str
    uri: str
    stage: str = "web"  # one of STAGES
    licence: str | None = None
    consent: str | None = None
    wearer: str | None = None
    site: str | None = None
    columns: ListColumns = field(default_factory=ListColumns)  # of a url_list

    def __post_init__(self) -> None:
        """ValueError: a stage that no view takes, columns of what has none."""
        if self.columns != ListColumns() and self.kind != "url_list":
            raise ValueError(f"columns are of a url_list; a {self.kind} has none")
        if self.stage not in STAGES:
            raise ValueError(f"stage is {self.stage!r}, not one of {', '.join(STAGES)}")


@dataclass(frozen=True, slots=True)
class Narration:
    """A text and its span in ns from the first frame; null times: the whole recording."""

    text: str
    start_ns: int | None = None
    end_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One recording. Identities are plain here and salted before they are stored.

    uri: a local path, an http(s) or s3 URL; `<archive>!/<member>` for what lies in an archive.
    signed_uri: the URL to fetch, where `uri` is that without its signature; never stored and never shown.
    redacted: spans in ns from the first frame that the source wants cut out.
    quarter_turns: clockwise, to be applied after the container's own rotation (Aria's pictures are stored turned).
    served: the revision is what a web server said when ingest asked it, and not the source's own.
    sidecar: a file that says something of it and is not read yet (`resolve_sidecars`); its revision is part of the
    item's, so that it is read for what is to be ingested, and for nothing that is known. kind: of what reads it.
    known_sha256: of its bytes as they were taken before; those that the corpus keeps are not fetched again.
    licence_evidence: which words of which page, feed or sitemap say the licence, and where they stand.
    bad: why it cannot be read at all (a manifest's broken line); it becomes a Reject.
    """

    uri: str
    revision: str
    stage: str
    modified_ns: int = 0
    size_bytes: int = 0
    sha256: str | None = None  # where the source declares it; other bytes are refused
    licence: str | None = None
    licence_evidence: str | None = None
    consent: str | None = None
    wearer: str | None = None
    site: str | None = None
    intrinsics_json: str | None = None
    narrations: tuple[Narration, ...] = ()
    redacted: tuple[Span, ...] = ()
    quarter_turns: int = 0
    bad: tuple[str, str] | None = None
    signed_uri: str | None = field(default=None, repr=False)
    served: bool = False
    known_sha256: str | None = None
    sidecar: ObjectInfo | None = None
    sidecar_text: ObjectInfo | None = None  # another one, which is heard where that says nothing
    kind: str = ""


def with_sidecar(item: Item, sidecar: ObjectInfo, text: ObjectInfo | None = None) -> Item:
    """The item with files yet unread, which may outrank what the source says: all are part of the revision."""
    stated = digest_of([item.stage, item.licence, item.consent])[:8]
    etags = "+".join(info.etag for info in (sidecar, text) if info is not None)
    return replace(item, revision=f"{item.revision}+{etags}+{stated}", sidecar=sidecar, sidecar_text=text)


@dataclass(slots=True)
class Crawl:
    """How a source of the web is listed. unreached: a line for each document that could not be had this time."""

    client: Client
    unreached: list[str] = field(default_factory=list)

    def read(self, url: str, max_bytes: int) -> Document | None:
        """A document; None where it is left for the next run. BadMedia: why there is none."""
        try:
            return self.client.read(url, max_bytes)
        except TransientError as e:
            self.unreached.append(f"{redacted_url(url)}: {e}")
            return None


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A kind of source: one file here, and one line in `KINDS`.

    list: what the source offers, at no fetch of media. crawl: the same where listing asks the web; then there is no
    `list`. prepare: makes a source at a URI that must be made before it can
    be listed. resolve: items with what their sidecars say, and others that say what of these could not be used; for
    many items at once.
    """

    name: str
    list: Callable[[Source], Iterator[Item]] | None
    prepare: Callable[[str, Progress], None] | None = None
    resolve: Callable[[Sequence[Item]], Iterable[Item]] | None = None
    alias: str | None = None  # a name it had, which the config still takes
    crawl: Callable[[Source, Crawl], Iterator[Item]] | None = None

    def items(self, source: Source, crawl: Crawl) -> Iterator[Item]:
        """What the source offers, whichever way it is listed."""
        if self.crawl is not None:
            yield from self.crawl(source, crawl)
        elif self.list is not None:
            yield from self.list(source)


def clean(text: str, max_characters: int = TEXT_CHARACTERS) -> str:
    """One line of UTF-8, cut at `max_characters`; half characters, which no table holds, become question marks."""
    return " ".join(text.encode(errors="replace").decode().split())[:max_characters]


def plain_uri(uri: str) -> tuple[str, tuple[str, str] | None]:
    """A file's URI as a table can hold it, and why it is refused: no UTF-8, or what reads as a member of an archive."""
    text = uri.encode(errors="backslashreplace").decode()
    if text != uri:
        return text, ("bad_name", "the file's name is not UTF-8; rename it")
    if reader.split_member(uri) is not None:
        return uri, ("bad_name", "a folder's name ends like an archive's with `!`; rename it")
    return uri, None


def seconds_to_ns(value: object, what: str) -> int | None:
    """Seconds of a manifest as ns; None for nothing. BadMedia `bad_sidecar` for what is no time."""
    if value is None or value == "":
        return None
    try:
        seconds = float(str(value))
    except ValueError as e:
        raise BadMedia("bad_sidecar", f"{what} is no number of seconds: {str(value)[:40]!r}") from e
    if not 0 <= seconds < 1e7:
        raise BadMedia("bad_sidecar", f"{what} is outside 0 .. 1e7 s: {seconds}")
    return round(seconds * 1e9)


def span_ns(start: object, end: object, names: tuple[str, str] = ("start_s", "end_s")) -> tuple[int | None, int | None]:
    """A manifest's span, seconds or clocks, in ns; an end alone is one from the first frame on.

    BadMedia `bad_sidecar`: what is no time, an end before its start.
    """
    start_ns, end_ns = (
        seconds_to_ns(_seconds_of(value), name) for value, name in zip((start, end), names, strict=True)
    )
    if end_ns is None:
        return start_ns, None
    if end_ns < (start_ns or 0):
        raise BadMedia(
            "bad_sidecar", f"{names[1]} is {end_ns / 1e9:g} s, before {names[0]}, {(start_ns or 0) / 1e9:g} s"
        )
    return start_ns or 0, end_ns


def _seconds_of(value: object) -> object:
    """A clock (`0:07:33.689`, `07:33,689`) as seconds; anything else as it is."""
    clock = CLOCK.fullmatch(value) if isinstance(value, str) else None
    if clock is None:
        return value
    return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3].replace(",", "."))
