"""What readers of annotated corpora share: annotation files, what they say of a recording, points as spans.

A recording's revision is its object's ETag and a digest of what is said of it: a changed annotation file gives new
revisions to the recordings of which it now says something else, and to no others. What cannot be used of an annotation
is left out and told by an item `<annotation file>#<recording>` with the reason bad_annotation; the recording is offered
without it. An annotation file that cannot be read at all is a UsageError.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.base import Item, Narration, Source, clean, plain_uri, seconds_to_ns
from pipelines.sources.recordings.json_records import Key, records
from schemas.errors import BadMedia, UsageError
from schemas.keys import digest_of
from schemas.spans import NS, Span

Point = tuple[int, str]  # time in ns, text

STAGE = "ego"
REASON = "bad_annotation"
ANNOTATION_BYTES = 4 << 30
TABLE_BYTES = 256 << 20
LINE_CHARACTERS = 100_000
MAX_NARRATIONS = 100_000  # of one recording; Ego4D's densest have some thousands

# EgoVLP (arXiv 2206.01670): a narration at t is about [t - b/2a, t + b/2a] seconds, where b is the mean distance of the
# recording's narrations and a that mean over all of Ego4D, 4.9 s. The corpus' mean is a constant here, so that one
# recording's span does not depend on another's words. The bound is ours: two points in an hour are no span of minutes.
ALPHA_NS = 4_900_000_000
LONGEST_POINT_NS = 5 * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a corpus says of one recording; wearer and site with the corpus' name before them, since numbers repeat."""

    narrations: tuple[Narration, ...] = ()
    redacted: tuple[Span, ...] = ()
    wearer: str | None = None
    site: str | None = None
    intrinsics_json: str | None = None
    bad: tuple[str, str] | None = None


@dataclass(slots=True)
class LeftOut:
    """What of one annotation could not be used: how many parts, and why the first of them."""

    count: int = 0
    first: str = ""

    def add(self, why: str) -> None:
        """One more."""
        self.first = self.first or why
        self.count += 1

    def item(self, annotation: str, name: str) -> Iterator[Item]:
        """An item that says so, where there is something to say. Its text is its revision: other words, another one."""
        if self.count:
            detail = clean(f"{self.count} left out; the first: {self.first}", 300)
            uri = text_of(f"{annotation}#{name[:200]}")
            yield Item(uri, digest_of(detail)[:16], STAGE, bad=(REASON, detail))


def item_of(info: ObjectInfo, stated: Said, source: Source, licence: str | None) -> Item:
    """The recording with what is stated of it. The source's own licence outranks the corpus', its ids stand in."""
    uri, bad_name = plain_uri(info.uri)
    bad = bad_name or stated.bad
    revision = info.etag if stated == Said() else f"{info.etag}+{digest_of(dataclasses.asdict(stated))[:32]}"
    return Item(
        uri=uri, revision=revision, stage=STAGE, modified_ns=info.modified_ns, size_bytes=info.size_bytes,
        licence=source.licence or licence, consent=source.consent, wearer=stated.wearer or source.wearer,
        site=stated.site or source.site, intrinsics_json=stated.intrinsics_json, narrations=stated.narrations,
        redacted=stated.redacted, bad=bad,
    )  # fmt: skip


def text_of(name: str) -> str:
    """A name as UTF-8 can hold it."""
    return name.encode(errors="backslashreplace").decode()


def list_below(folder: str) -> dict[str, ObjectInfo]:
    """Objects below a folder or prefix, by their path from it, in order; S3's neighbours by prefix stay out."""
    if not objects.is_remote(folder):
        return {PurePosixPath(i.uri).relative_to(folder).as_posix(): i for i in objects.list_objects(folder)}
    start = folder.rstrip("/") + "/"
    return {i.uri.removeprefix(start): i for i in objects.list_objects(start)}


@contextmanager
def open_annotation(uri: str, max_bytes: int = ANNOTATION_BYTES) -> Iterator[BinaryIO]:
    """An annotation file, a remote one from a copy in scratch. UsageError: not there, no file of ours, too large."""
    try:
        name = uri if objects.is_remote(uri) else str(Path(uri))
        info = next((i for i in objects.list_objects(name) if i.uri == name), None)
        if info is None:
            raise FileNotFoundError(uri)
        if info.size_bytes > max_bytes:
            raise UsageError(f"annotation file {uri} has {info.size_bytes} bytes; the limit is {max_bytes}")
        with tempdirs.folder("annotation") as folder:
            path = folder / "file" if objects.is_remote(uri) else Path(uri)
            if objects.is_remote(uri):
                objects.download(uri, path)
            with path.open("rb") as file:
                yield file
    except OSError as e:
        raise UsageError(f"annotation file {uri} cannot be read: {e.strerror or 'it is not there'}") from e


@contextmanager
def open_table(uri: str) -> Iterator[csv.DictReader[str]]:
    """A CSV file's rows; a line of more than LINE_CHARACTERS comes in parts, which are no rows. UsageError as above."""
    with (
        open_annotation(uri, TABLE_BYTES) as file,
        io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="") as text,
    ):
        yield csv.DictReader(iter(lambda: text.readline(LINE_CHARACTERS), ""))


def json_records(uri: str, inside: str | None = None) -> Iterator[tuple[Key, Any]]:
    """Records of an annotation file. UsageError where it cannot be read to its end."""
    with open_annotation(uri) as file:
        try:
            yield from records(file, inside)
        except ValueError as e:
            raise UsageError(f"annotation file {uri} cannot be read as JSON: {str(e)[:200]}; fetch it again") from e


def time_ns(value: object, what: str) -> int:
    """Seconds that must be there, as ns. BadMedia `bad_annotation`."""
    try:
        ns = seconds_to_ns(None if isinstance(value, list | dict | bool) else value, what)
    except BadMedia as e:
        raise BadMedia(REASON, e.detail) from e
    if ns is None:
        raise BadMedia(REASON, f"{what} is no number of seconds")
    return ns


def identity(corpus: str, value: object) -> str | None:
    """A wearer's or site's id under its corpus' name; None for what is no text or whole number."""
    plain = clean(str(value), 200) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return f"{corpus}/{plain}" if plain else None


def longest(points: Iterable[list[Point]]) -> list[Point]:
    """The annotator who told most, the first of equals: several tell the same actions in other words."""
    return max(points, key=len, default=[])


def about_points(points: Iterable[Point]) -> tuple[Narration, ...]:
    """Texts at points of time (ns) as narrations of the spans about them; the middle of a span is its point."""
    points = sorted(points)
    spans = spans_of_points([t for t, _ in points])
    return tuple(Narration(text, *span) for (_, text), span in zip(points, spans, strict=True))


def spans_of_points(times_ns: Sequence[int]) -> list[Span]:
    """EgoVLP's span about each of one recording's points, which must be in order. The point is the span's middle."""
    gaps = len(times_ns) - 1
    distance_ns = (times_ns[-1] - times_ns[0]) // gaps if gaps > 0 else ALPHA_NS
    half_ns = min(distance_ns * NS // ALPHA_NS, LONGEST_POINT_NS) // 2
    return [(t - min(half_ns, t), t + min(half_ns, t)) for t in times_ns]
