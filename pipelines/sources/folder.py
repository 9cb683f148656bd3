"""Folders and S3 prefixes of media files, with optional sidecars `<name>.json`, `<name>.<ext>.json`, `<name>.txt`.

A JSON sidecar may hold: caption or narration (text), narrations ([{text, start_s, end_s}]), licence, consent,
wearer, site, intrinsics, stage. Other keys are left alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from infra import objects
from infra.objects import ObjectInfo
from pipelines.sources.item import MEDIA_SUFFIXES, STAGES, Item, Narration, Source, clean, seconds_to_ns
from schemas.errors import BadMedia, UsageError

SIDECAR_BYTES = 4 << 20


def read(source: Source) -> Iterator[Item]:
    """Every media file below the source's URI, in order of name. UsageError where there is nothing at all."""
    listed = listing(source.uri)
    for uri, info in listed.items():
        if PurePosixPath(uri).suffix.lower() not in MEDIA_SUFFIXES:
            continue
        if (name := uri.encode(errors="backslashreplace").decode()) != uri:
            bad_name = ("bad_name", "the file's name is not UTF-8; rename it")
            yield Item(uri=name, revision=info.etag, modified_ns=info.modified_ns, stage=source.stage, bad=bad_name)
            continue
        sidecar = next((s for s in _sidecars(uri) if s in listed), None)
        revision = info.etag if sidecar is None else f"{info.etag}+{listed[sidecar].etag}"
        said: dict[str, Any] = {}
        bad = None
        if sidecar is not None:
            try:
                said = said_by(sidecar, listed[sidecar].size_bytes)
            except FileNotFoundError:  # gone since the listing: what it said no longer holds
                revision = info.etag
            except BadMedia as e:
                bad = (e.reason, e.detail)
        common = {
            "licence": source.licence,
            "consent": source.consent,
            "wearer": source.wearer,
            "site": source.site,
        }
        yield Item(
            uri=uri, revision=revision, modified_ns=info.modified_ns, size_bytes=info.size_bytes, bad=bad,
            **{"stage": source.stage} | common | said,
        )  # fmt: skip


def listing(uri: str) -> dict[str, ObjectInfo]:
    """What lies at or below a source's URI, by URI, in order. UsageError where there is nothing at all."""
    if not objects.is_s3(uri) and not objects.exists(uri):
        raise UsageError(f"source {uri!r} is not there; mend [[source]] uri in handwheel.toml")
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
        raise BadMedia("bad_sidecar", "the JSON is no object")
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
    spans = plain.get("narrations")
    if isinstance(spans, list):
        fields["narrations"] = tuple(_narration(n) for n in spans[:10_000])
    elif isinstance(text := plain.get("narration") or plain.get("caption"), str):
        fields["narrations"] = _whole(text)
    return fields


def _whole(text: str) -> tuple[Narration, ...]:
    text = clean(text)
    return (Narration(text),) if text else ()


def _narration(plain: Any) -> Narration:
    if not isinstance(plain, dict) or not isinstance(plain.get("text"), str):
        raise BadMedia("bad_sidecar", "a narration is {text, start_s, end_s}")
    start, end = seconds_to_ns(plain.get("start_s"), "start_s"), seconds_to_ns(plain.get("end_s"), "end_s")
    return Narration(clean(plain["text"]), start, end)
