"""Egocentric-10K and Egocentric-100K: factory work seen from the head, in WebDataset tars by factory and worker.

    [[source]]
    kind = "egocentric_10k"
    uri = "media/Egocentric-10K"
    stage = "ego"
    licence = "Apache-2.0"

    Egocentric-10K/factory_001/workers/worker_001/
        factory001_worker001_part00.tar
            <key>.mp4        H.265, median 180 s, fisheye, 128 degrees wide
            <key>.json       {"factory_id": "factory_001", "worker_id": "worker_001", "video_index": 0,
                              "duration_sec": 180.0, "width": 1920, "height": 1080, "fps": 30.0, ...}
        intrinsics.json      {"model": "fisheye", "image_width": 1920, "image_height": 1080, "fx": ..., "fy": ...,
                              "cx": ..., "cy": ..., "k1": ..., "k2": ..., "k3": ..., "k4": ...}

The wearer is the worker of that factory (workers are numbered anew in each), the site is the factory: by the JSON,
else by the folders. `intrinsics.json` beside the tars is OpenCV's fisheye model (Kannala-Brandt, four coefficients)
and counts for the size it states. There are no narrations.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.fields import json_object, text
from pipelines.sources.recordings import folder, webdataset
from pipelines.sources.recordings.annotations import identity
from pipelines.sources.recordings.base import Item, Source, SourceKind
from schemas.errors import BadMedia

INTRINSICS = "intrinsics.json"
FOLDERS = re.compile(r"(?:.*/)?(factory_[^/]+)/workers/(worker_[^/]+)/[^/]+")


def list_items(source: Source) -> Iterator[Item]:
    """Recordings of all tars, in order of tar and place."""
    listed = folder.listing(source.uri)
    lenses: dict[str, tuple[str | None, str, tuple[str, str] | None]] = {}
    for info in webdataset.archives_at(source.uri):
        where = info.uri.rpartition("/")[0]
        if where not in lenses:
            lenses[where] = _lens(listed.get(f"{where}/{INTRINSICS}") or _beside(where))
        intrinsics, etag, bad_lens = lenses[where]
        for sample in webdataset.samples(info):
            fields: dict[str, Any] = {"intrinsics_json": intrinsics}
            bad = sample.bad or bad_lens
            try:
                fields |= _who(info.uri, sample.sidecars.get(".json"))
            except BadMedia as e:
                bad = bad or ("bad_sidecar", e.detail)
            item = webdataset.item(source, info, sample.member, fields, bad)
            yield replace(item, revision=f"{item.revision}+{etag}") if etag else item


def _beside(where: str) -> ObjectInfo | None:
    """The intrinsics next to a tar that is itself the source."""
    try:
        return objects.info(f"{where}/{INTRINSICS}")
    except FileNotFoundError:
        return None


def _lens(info: ObjectInfo | None) -> tuple[str | None, str, tuple[str, str] | None]:
    """Intrinsics as JSON with the model named, their ETag, and why they cannot be read."""
    if info is None:
        return None, "", None
    try:
        if info.size_bytes > folder.SIDECAR_BYTES:
            raise BadMedia("bad_sidecar", f"{info.size_bytes} bytes; the limit is {folder.SIDECAR_BYTES}")
        plain = {"model": "fisheye"} | json_object(objects.read_bytes(info.uri), INTRINSICS)
    except FileNotFoundError:  # gone since the listing
        return None, "", None
    except BadMedia as e:
        return None, info.etag, ("bad_sidecar", e.detail)
    return json.dumps(plain, sort_keys=True), info.etag, None


def _who(tar_uri: str, raw: bytes | None) -> dict[str, Any]:
    """Wearer and site of a recording. BadMedia: its JSON cannot be read."""
    plain = json_object(raw, "the sidecar") if raw is not None else {}
    by_folder = FOLDERS.fullmatch(tar_uri)
    factory = text(plain, "factory_id") or (by_folder[1] if by_folder else None)
    worker = text(plain, "worker_id") or (by_folder[2] if by_folder else None)
    if factory is None:
        return {}
    who = {"wearer": identity("egocentric_10k", f"{factory}/{worker}")} if worker else {}
    return who | {"site": identity("egocentric_10k", factory)}


KIND = SourceKind("egocentric_10k", list_items)
