"""Folders and S3 prefixes of media files, with optional sidecars `<name>.json`, `<name>.<ext>.json`, `<name>.txt`.

A JSON sidecar may hold: caption or narration (text), narrations ([{text, start_s, end_s}]), licence, consent, wearer,
site, intrinsics, stage, and redacted ([{start_s, end_s}]). Other keys are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.base import (
    MEDIA_SUFFIXES,
    STAGES,
    Item,
    Narration,
    Source,
    SourceKind,
    clean,
    plain_uri,
    seconds_to_ns,
    with_sidecar,
)
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
        sidecar = next((s for s in _sidecars(uri) if s in listed), None)
        item = Item(
            uri=uri, revision=info.etag, modified_ns=info.modified_ns, size_bytes=info.size_bytes, stage=source.stage,
            licence=source.licence, consent=source.consent, wearer=source.wearer, site=source.site,
        )  # fmt: skip
        yield item if sidecar is None else with_sidecar(item, listed[sidecar])


def resolve_sidecars(items: Sequence[Item]) -> Iterator[Item]:
    """The items with what their sidecars say, which outranks the source."""
    for item in items:
        assert item.sidecar is not None
        try:
            fields = said_by(item.sidecar.uri, item.sidecar.size_bytes)
        except FileNotFoundError:  # gone since the listing: what it said no longer holds
            fields = {"revision": item.revision.partition("+")[0]}
        except BadMedia as e:
            fields = {"bad": (e.reason, e.detail)}
        yield replace(item, **fields, sidecar=None)


def listing(uri: str) -> dict[str, ObjectInfo]:
    """What lies at or below a source's URI, by URI, in order. UsageError where there is nothing at all."""
    if not objects.is_s3(uri) and not objects.exists(uri):
        raise UsageError(f"source {uri!r} is not there; correct [[source]] uri in handwheel.toml")
    return {info.uri: info for info in objects.list_objects(uri) if _below(info.uri, uri)}


def _below(uri: str, source: str) -> bool:
    """S3 lists by prefix: `media` must not bring in `media_private`, under another's licence."""
    return not objects.is_s3(source) or uri == source or uri.startswith(source.rstrip("/") + "/")


def _sidecars(uri: str) -> list[str]:
    stem = uri[: -len(PurePosixPath(uri).suffix)]
    return [f"{uri}.json", f"{stem}.json", f"{stem}.txt"]


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
            return {"narrations": _whole(text)}
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
    spans = plain.get("narrations")
    if isinstance(spans, list):
        fields["narrations"] = tuple(_narration(n) for n in spans[:10_000])
    elif isinstance(text := plain.get("narration") or plain.get("caption"), str):
        fields["narrations"] = _whole(text)
    return fields


def _redacted(plain: Any) -> Span:
    """One span in ns. BadMedia: anything else would leave in what somebody wants out."""
    edges = [seconds_to_ns(plain.get(n), n) if isinstance(plain, dict) else None for n in ("start_s", "end_s")]
    if edges[0] is None or edges[1] is None or edges[0] >= edges[1]:
        raise BadMedia("bad_sidecar", "redacted is a list of {start_s, end_s}, the end behind the start")
    return edges[0], edges[1]


def _whole(text: str) -> tuple[Narration, ...]:
    text = clean(text)
    return (Narration(text),) if text else ()


def _narration(plain: Any) -> Narration:
    if not isinstance(plain, dict) or not isinstance(plain.get("text"), str):
        raise BadMedia("bad_sidecar", "a narration is {text, start_s, end_s}")
    start, end = seconds_to_ns(plain.get("start_s"), "start_s"), seconds_to_ns(plain.get("end_s"), "end_s")
    return Narration(clean(plain["text"]), start, end)


KIND = SourceKind("folder", list_items, resolve=resolve_sidecars)
