"""EgoDex: short tabletop takes with a description each.

    [[source]]
    kind = "egodex"
    uri = "media/egodex"

    media/egodex/
      part1/<task>/<n>.mp4            any depth: a part, test/, or the task's folder itself
      part1/<task>/<n>.hdf5           attributes llm_description, llm_description2, which_llm_description, task;
                                      camera/intrinsic (3, 3); transforms and confidences (which may be absent)

The narration is the description of the whole take: llm_description2 where which_llm_description says 2 (takes of a task
done in the other direction), else llm_description, else the task's name. `camera/intrinsic` becomes intrinsics_json.
Poses and confidences are not read. No one says who wore the headset or where; give `wearer` or `site` in [[source]]
where it is known. A take without its .hdf5 has no words; an .hdf5 without its video is not offered.

What is said lies in each take's own .hdf5, whose ETag is part of the take's revision: it is opened, in the sandbox
(infra/readers/hdf5.py) and from S3 after fetching it, when the take is ingested, and by no listing. Licence:
CC-BY-NC-ND-4.0, after others' accounts of the publisher's page: no redistribution, and no derivatives. Attribute names
are those that public readers of the data set use; no real file was at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.readers import hdf5
from infra.readers.hdf5 import Head
from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings.annotations import LeftOut, Said, item_of, list_below
from pipelines.sources.recordings.base import Item, Narration, Source, SourceKind, clean, with_sidecar
from schemas.errors import BadMedia, UsageError

LICENCE = "CC-BY-NC-ND-4.0"
ATTRIBUTES = ("llm_description", "llm_description2", "which_llm_description", "task")
INTRINSIC = "camera/intrinsic"
HDF5_BYTES = 256 << 20  # a take of minutes has tens of MB
FETCHED_TAKES = 256  # at a time: of S3's scratch holds no more, and a child reads so many


def list_items(source: Source) -> Iterator[Item]:
    """Every take below the URI, its .hdf5 yet unread. UsageError where the folder is not there."""
    if not objects.is_s3(source.uri) and not objects.exists(source.uri):
        raise UsageError(f"source {source.uri!r} is not there; correct [[source]] uri in handwheel.toml")
    below = list_below(source.uri)
    for path, info in below.items():
        if not path.endswith(".mp4"):
            continue
        item = item_of(info, Said(), source, LICENCE)
        sidecar = below.get(path.removesuffix(".mp4") + ".hdf5")
        yield item if sidecar is None or item.bad is not None else with_sidecar(item, sidecar)


def resolve_sidecars(items: Sequence[Item]) -> Iterator[Item]:
    """The takes with what their .hdf5 says, and what of it could not be used."""
    for start in range(0, len(items), FETCHED_TAKES):
        group = [(item, item.sidecar) for item in items[start : start + FETCHED_TAKES] if item.sidecar is not None]
        for (item, sidecar), head in zip(group, _heads([sidecar for _, sidecar in group]), strict=True):
            left_out = LeftOut()
            stated = _said(head, Path(item.uri).parent.name, left_out)
            yield from left_out.item(sidecar.uri, "hdf5")
            yield replace(item, narrations=stated.narrations, intrinsics_json=stated.intrinsics_json, sidecar=None)


def _heads(files: list[ObjectInfo]) -> Iterator[Head | BadMedia]:
    """One answer a file, in order; remote ones are fetched into scratch."""
    with tempdirs.folder("hdf5") as folder:
        here: list[Path] = []
        for at, info in enumerate(files):
            path = Path(info.uri)
            if objects.is_remote(info.uri):
                path = folder / f"{at}.hdf5"
                _fetch(info, path)
            here.append(path)
        yield from hdf5.read_heads(here, ATTRIBUTES, [INTRINSIC])


def _fetch(info: ObjectInfo, path: Path) -> None:
    """A copy; an empty file, which is no HDF5, for what is too large or gone since the listing."""
    try:
        if info.size_bytes <= HDF5_BYTES:
            objects.download(info.uri, path)
    except FileNotFoundError:
        pass
    path.touch()


def _said(head: Head | BadMedia, task: str, left_out: LeftOut) -> Said:
    """What a take's .hdf5 says; of one that cannot be read only the folder's name is left."""
    if isinstance(head, BadMedia):
        left_out.add(f"{head.reason}: {head.detail}")
        return Said(narrations=_words(task.replace("_", " ")))
    attributes = head.attributes
    second = str(attributes.get("which_llm_description")) == "2" and isinstance(attributes.get("llm_description2"), str)
    text = attributes.get("llm_description2" if second else "llm_description")
    if not isinstance(text, str) or not clean(text):
        name = attributes.get("task")
        text = (name if isinstance(name, str) and clean(name) else task).replace("_", " ")
    intrinsic = head.arrays.get(INTRINSIC)
    if intrinsic is not None and not _is_intrinsic(intrinsic):
        left_out.add(f"{INTRINSIC} is no 3 x 3 matrix of finite numbers")
        intrinsic = None
    return Said(narrations=_words(text), intrinsics_json=_pinhole(intrinsic))


def _words(text: str) -> tuple[Narration, ...]:
    return (Narration(clean(text)),) if clean(text) else ()


def _is_intrinsic(value: Any) -> bool:
    rows = value if isinstance(value, list) else []
    whole = len(rows) == 3 and all(isinstance(row, list) and len(row) == 3 for row in rows)
    return whole and all(isinstance(x, float) and math.isfinite(x) for row in rows for x in row)


def _pinhole(intrinsic: Any) -> str | None:
    """The camera as other sources give theirs; px of the video's own size."""
    if intrinsic is None:
        return None
    (fx, _, cx), (_, fy, cy), _ = intrinsic
    return json.dumps({"model": "pinhole", "fx_px": fx, "fy_px": fy, "cx_px": cx, "cy_px": cy}, sort_keys=True)


KIND = SourceKind("egodex", list_items, resolve=resolve_sidecars)
