"""Lists of URLs: CSV, TSV, JSONL or Parquet with a url column and optional caption, start, end, licence, sha256.

`columns` of a `[[source]]` names them otherwise. Times are seconds or clocks (`1.5`, `0:07:33.689`) from the
recording's first frame; a cell may hold several captions and spans (list_cells.py). A declared sha256 is
the item's revision. Without one it is empty here, and ingest asks the server for it.
A signature in a URL's query is used to fetch and is no part of the item's uri: the next listing, signed anew, names the
same item. Two URLs that differ in nothing but these keys are therefore one place.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, TextIO
from urllib.parse import unquote

from infra.readers import parquet
from infra.sandbox import tempdirs
from infra.storage import objects
from pipelines.sources.recordings.base import Item, Source, SourceKind, clean
from pipelines.sources.recordings.list_cells import NAMES, cell_of, names_of, narrations_of
from schemas.errors import BadMedia, UsageError

LINE_CHARACTERS = 100_000
CSV_CHARACTERS = 1 << 20  # a longer line comes in parts, which are no rows
LIST_BYTES = 8 << 30
FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
UNTOLD_LINES = 1000  # without a URL, after which a list has none
# Keys of a query that sign it or tell until when: AWS, Google Cloud, CloudFront, Akamai and plain tokens.
SIGNING = re.compile(
    "x-amz-.*|x-goog-.*|awsaccesskeyid|googleaccessid|signature|sig|token|access_token|expires|policy|key-pair-id"
    "|hdn[et]a|hdnts",
    re.IGNORECASE,
)
# Of a query that has `sig` too.
AZURE = re.compile("s[ver]|ss|srt|s[pt]|spr|sip|skoid|sktid|sk[tesv]", re.IGNORECASE)

Line = dict[str, Any] | None  # None: no row, or no object


def list_items(source: Source) -> Iterator[Item]:
    """One item a line, in the list's order; a line that cannot be read is an item that says so.

    UsageError: a list without a column of URLs.
    """
    for number, line in enumerate(_with_columns(source, _lines(source)), 1):
        try:
            yield _item(line, source)
        except BadMedia as e:
            yield Item(f"{source.uri}#line={number}", "line", source.stage, bad=(e.reason, e.detail))


def _with_columns(source: Source, lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, once its first ones have a URL and every column that the config names. UsageError: none of them has.

    A list of something else is one message and no list of faults.
    """
    first: list[Line] = []
    there: dict[str, None] = {}
    for line in lines:
        first.append(line)
        there |= {name: None for name in line or () if isinstance(name, str)}
        if len(first) == UNTOLD_LINES or not _absent(source, there):
            break
    if any(line is not None for line in first):
        _check_columns(source, there)
    yield from first
    yield from lines


def _absent(source: Source, there: Collection[str]) -> list[str]:
    """Columns that must be there and are not."""
    named = [name for what in NAMES if (name := getattr(source.columns, what)) is not None]
    wanted = named if source.columns.url else ["url", *named]
    has_url = any(name in there for name in names_of("url", source.columns))
    return [name for name in wanted if name not in there and not (name == "url" and has_url)]


def _check_columns(source: Source, there: Collection[str]) -> None:
    absent = _absent(source, there)
    if absent:
        names = clean(", ".join(there), 300) or "none"
        raise UsageError(
            f"URL list {source.uri!r} has no column {absent[0]!r}; it has {names}. Say in "
            '[[source]] which one holds what: columns = {url = "...", caption = "...", start = "...", end = "..."}'
        )


def _lines(source: Source) -> Iterator[Line]:
    """Lines as dicts; None for one that is not. UsageError: not there, too large, of another format."""
    uri = source.uri
    suffix = PurePosixPath(uri).suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"URL list {uri!r}: the suffix is not one of {', '.join(FORMATS)}")
    with tempdirs.folder("list") as folder:
        path = _local(uri, folder)
        if suffix == ".parquet":
            path, suffix = _unpacked(source, path, folder / "lines"), ".jsonl"
        # newline: of JSONL alone the line feed ends a line; CSV's own reader wants them all.
        newline = "\n" if suffix == ".jsonl" else ""
        with path.open(encoding="utf-8-sig", errors="replace", newline=newline) as text:
            if suffix == ".jsonl":
                yield from (_json(raw) for raw in _raw_lines(text) if raw.strip())
            else:
                lines = iter(lambda: text.readline(CSV_CHARACTERS), "")
                yield from _rows(csv.DictReader(lines, delimiter="\t" if suffix == ".tsv" else ","))


def _local(uri: str, folder: Path) -> Path:
    try:
        size_bytes = objects.info(uri).size_bytes
        if size_bytes > LIST_BYTES:
            raise UsageError(f"URL list {uri!r} has {size_bytes} bytes; the limit is {LIST_BYTES}: split it")
        if objects.is_remote(uri):
            objects.download(uri, folder / "list")
    except FileNotFoundError as e:
        raise UsageError(f"URL list {uri!r} is not there; correct [[source]] uri in handwheel.toml") from e
    return folder / "list" if objects.is_remote(uri) else Path(uri)


def _unpacked(source: Source, path: Path, out: Path) -> Path:
    """A Parquet list as JSONL."""
    try:
        wanted = [name for what in NAMES for name in names_of(what, source.columns)]
        there = parquet.write_lines(path, wanted, out)
    except BadMedia as e:
        raise UsageError(
            f"URL list {source.uri!r} is not a Parquet file that can be read: {e.reason} {e.detail}"
        ) from e
    _check_columns(source, there)
    return out


def _raw_lines(text: TextIO) -> Iterator[str]:
    """Lines; of one that is too long a part that is too long as well."""
    while line := text.readline(LINE_CHARACTERS + 1):
        yield line
        while len(line) > LINE_CHARACTERS and not line.endswith("\n"):
            line = text.readline(LINE_CHARACTERS + 1)


def _rows(reader: csv.DictReader[str]) -> Iterator[Line]:
    while True:
        try:
            yield next(reader)
        except StopIteration:
            return
        except csv.Error:  # a field without an end
            yield None


def _json(raw: str) -> Line:
    try:
        plain = json.loads(raw) if len(raw) <= LINE_CHARACTERS else None
    except (ValueError, RecursionError):
        return None
    return plain if isinstance(plain, dict) else None


def unsigned(url: str) -> str:
    """The URL without the keys of its query that sign it; every other byte stays."""
    base, mark, rest = url.partition("?")
    query, hash_mark, fragment = rest.partition("#")
    names = [unquote(part.partition("=")[0]) for part in query.split("&")]
    azure = "sig" in (name.lower() for name in names)
    parameters = [
        part
        for part, name in zip(query.split("&"), names, strict=True)
        if not SIGNING.fullmatch(name) and not (azure and AZURE.fullmatch(name))
    ]
    return base + (mark + "&".join(parameters) if parameters and mark else "") + hash_mark + fragment


def _item(line: Line, source: Source) -> Item:
    if line is None:
        raise BadMedia("bad_line", "no row or JSON object of a sane length")
    columns = source.columns
    licence = cell_of(line, "licence", columns)
    item = web_item(str(cell_of(line, "url", columns) or ""), source, clean(str(licence)) if licence else "")
    narrations = narrations_of(line, columns)
    sha256 = str(cell_of(line, "sha256", columns) or "").strip().lower() or None
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise BadMedia("bad_line", f"sha256 is not 64 hex digits: {sha256[:80]!r}")
    return replace(item, revision=sha256 or "", sha256=sha256, narrations=narrations)


def web_item(url: str, source: Source, licence: str) -> Item:
    """A URL as an item whose revision its server is asked for. licence: the source's where it is empty.

    BadMedia `bad_url`.
    """
    url = clean(url, LINE_CHARACTERS)
    if re.match("[^/]*//[^/]*@", url):
        raise BadMedia("bad_url", "a URL with a name or password is neither fetched nor kept; take them out")
    if not url.startswith(("http://", "https://")):
        raise BadMedia("bad_url", f"only http and https URLs are fetched: {url.partition('?')[0][:80]!r}")
    url = url.replace("!/", "%21/")  # the same URL, and no member of an archive
    uri = unsigned(url)
    return Item(
        uri=uri, signed_uri=url if url != uri else None, revision="", stage=source.stage,
        licence=licence or source.licence, consent=source.consent, wearer=source.wearer, site=source.site,
    )  # fmt: skip


KIND = SourceKind("url_list", list_items)
