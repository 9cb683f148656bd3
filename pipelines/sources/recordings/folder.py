"""Folders and S3 prefixes of media files, with optional sidecars `<name>.json`, `<name>.<ext>.json`, `<name>.txt`.

A JSON sidecar may hold: caption or narration (text), narrations ([{text, start_s, end_s}], narrations.py), licence,
consent, wearer, site, intrinsics, stage, and redacted ([{start_s, end_s}]). Other keys are left alone. The text is the
narration where the JSON has none.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.base import (
    MEDIA_SUFFIXES,
    STAGES,
    Item,
    Source,
    SourceKind,
    clean,
    plain_uri,
    seconds_to_ns,
    with_sidecar,
)
from pipelines.sources.recordings.narrations import narrations_in, whole
from schemas.errors import BadMedia, UsageError
from schemas.spans import Span

SIDECAR_BYTES = 4 << 20


def list_items(source: Source) -> Iterator[Item]:
    """Every media file below the source's URI, in order of name, its sidecar yet unread.

    UsageError where there is nothing at all.
    """
    listed = listing(source.uri)
    for uri, info in listed.items():
        if PurePosixPath(uri).suffix.lower() not in MEDIA_SUFFIXES:
            continue
        name, bad_name = plain_uri(uri)
        if bad_name is not None:
            yield Item(uri=name, revision=info.etag, modified_ns=info.modified_ns, stage=source.stage, bad=bad_name)
            continue
        sidecars = [listed[s] for s in _sidecars(uri, listed)]
        item = Item(
            uri=uri, revision=info.etag, modified_ns=info.modified_ns, size_bytes=info.size_bytes, stage=source.stage,
            licence=source.licence, consent=source.consent, wearer=source.wearer, site=source.site,
        )  # fmt: skip
        yield with_sidecar(item, *sidecars) if sidecars else item


def resolve_sidecars(items: Sequence[Item]) -> Iterator[Item]:
    """The items with what their sidecars say, which outranks the source."""
    for item in items:
        sidecars = [s for s in (item.sidecar, item.sidecar_text) if s is not None]
        there: list[ObjectInfo] = []
        parts = []
        for sidecar in sidecars:
            try:
                parts.append(said_by(sidecar.uri, sidecar.size_bytes))
                there.append(sidecar)
            except FileNotFoundError:  # gone since the listing: what it said no longer holds
                continue
            except BadMedia as e:
                parts, there = [{"bad": (e.reason, e.detail)}], sidecars
                break
        if there != sidecars:
            bare = replace(item, revision=item.revision.partition("+")[0])
            item = with_sidecar(bare, *there) if there else bare
        fields = {name: value for part in reversed(parts) for name, value in part.items()}
        yield replace(item, **fields, sidecar=None, sidecar_text=None)


def listing(uri: str) -> dict[str, ObjectInfo]:
    """What lies at or below a source's URI, by URI, in order. UsageError where there is nothing at all."""
    if not objects.is_s3(uri) and not objects.exists(uri):
        raise UsageError(f"source {uri!r} is not there; correct [[source]] uri in handwheel.toml")
    return {info.uri: info for info in objects.list_objects(uri) if _below(info.uri, uri)}


def _below(uri: str, source: str) -> bool:
    """S3 lists by prefix: `media` must not bring in `media_private`, under another's licence."""
    return not objects.is_s3(source) or uri == source or uri.startswith(source.rstrip("/") + "/")


def _sidecars(uri: str, listed: Container[str]) -> list[str]:
    """The JSON of the fullest name, and the text."""
    stem = uri[: -len(PurePosixPath(uri).suffix)]
    json_name = next((name for name in (f"{uri}.json", f"{stem}.json") if name in listed), None)
    return [name for name in (json_name, f"{stem}.txt") if name is not None and name in listed]


def said_by(uri: str, size_bytes: int) -> dict[str, Any]:
    """Item fields that a sidecar sets. BadMedia `bad_sidecar` when it cannot be read."""
    if size_bytes > SIDECAR_BYTES:
        raise BadMedia("bad_sidecar", f"{size_bytes} bytes; the limit is {SIDECAR_BYTES}")
    return said_in(objects.read_bytes(uri), uri)


def said_in(raw: bytes, name: str) -> dict[str, Any]:
    """Item fields that a sidecar's bytes set; its name says whether they are JSON. BadMedia `bad_sidecar`."""
    try:
        text = raw.decode("utf-8-sig")
        if name.endswith(".txt"):
            return {"narrations": whole(text)}
        plain = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise BadMedia("bad_sidecar", f"not UTF-8 text or JSON: {e}"[:200]) from e
    if not isinstance(plain, dict):
        raise BadMedia("bad_sidecar", "the JSON is not an object")
    return _fields(plain)


def _fields(plain: dict[str, Any]) -> dict[str, Any]:
    fields: dict[str, Any] = {
        to: clean(str(plain[key]))
        for key, to in (
            ("licence", "licence"), ("license", "licence"), ("consent", "consent"), ("wearer", "wearer"),
            ("wearer_id", "wearer"), ("site", "site"), ("scene", "site"), ("stage", "stage"),
        )
        if isinstance(plain.get(key), str | int)
    }  # fmt: skip
    if fields.get("stage", "web") not in STAGES:
        raise BadMedia("bad_sidecar", f"stage is {fields['stage']!r}, not one of {', '.join(STAGES)}")
    if isinstance(plain.get("intrinsics"), dict):
        fields["intrinsics_json"] = json.dumps(plain["intrinsics"], sort_keys=True)
    if "redacted" in plain:
        redacted = plain["redacted"] if isinstance(plain["redacted"], list) else [None]
        fields["redacted"] = tuple(_redacted(span) for span in redacted)
    if narrations := narrations_in(plain):
        fields["narrations"] = narrations
    return fields


def _redacted(plain: Any) -> Span:
    """One span in ns. BadMedia: anything else would leave in what somebody wants out."""
    edges = [seconds_to_ns(plain.get(n), n) if isinstance(plain, dict) else None for n in ("start_s", "end_s")]
    if edges[0] is None or edges[1] is None or edges[0] >= edges[1]:
        raise BadMedia("bad_sidecar", "redacted is a list of {start_s, end_s}, the end behind the start")
    return edges[0], edges[1]


KIND = SourceKind("folder", list_items, resolve=resolve_sidecars)
