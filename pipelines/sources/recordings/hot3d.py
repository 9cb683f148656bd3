"""HOT3D-Clips: a tar a clip, 150 numbered frames (5 s at 30 Hz) with each stream's picture and the hands' truth.

    [[source]]
    kind = "hot3d"
    uri = "media/hot3d/train_aria"
    stage = "ego"
    licence = "HOT3D"

    train_aria/clip-001849.tar
        000000.cameras.json              {"214-1": {"calibration": {"projection_model_type":
                                          "CameraModelType.FISHEYE624", "projection_params": [...], ...}, ...}, ...}
        000000.hands.json, 000000.hand_crops.json, 000000.objects.json
        000000.image_1201-1.jpg          monochrome; Aria and Quest 3
        000000.image_214-1.jpg           colour, 1408 x 1408; Aria alone
        000000.info.json                 {"device": "Aria", "participant_id": "P0001", "sequence_id": "P0001_23fa0ee8"}
        000001.cameras.json ...

A clip is one item, `<tar>!/*.image_214-1.jpg` (Quest 3: 1201-1): its recording is those JPEGs in order at 30 Hz, not
encoded again. The pictures are stored turned: HOT3D's own viewer turns those of every stream by `np.rot90(k=3)`, 90
degrees clockwise, to stand upright, so that quarter_turns is 1. The intrinsics are those of the stored picture.
Listing reads the first frame's headers, `info.json` and `cameras.json`. What `hands.json` knows of boxes and
visibility is truth for an audit, and no part of an item.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from infra.archives import reader
from infra.archives.tar import Member
from infra.storage.objects import ObjectInfo
from pipelines.media import jpeg_sequence
from pipelines.sources.logs.fields import json_object, text
from pipelines.sources.recordings import folder, webdataset
from pipelines.sources.recordings.annotations import identity
from pipelines.sources.recordings.base import Item, Source, SourceKind
from schemas.errors import BadMedia

STREAMS = ("214-1", "1201-1")
QUARTER_TURNS = 1
HEAD_MEMBERS = 64  # a frame has 8 members


def list_items(source: Source) -> Iterator[Item]:
    """One item for each tar, in order."""
    for info in webdataset.archives_at(source.uri):
        whole = Member("", info.size_bytes, 0)
        try:
            stream, fields = _first_frame(info)
        except FileNotFoundError:  # gone since the listing
            continue
        except BadMedia as e:
            yield webdataset.item(source, info, whole, {}, (e.reason, e.detail))
            continue
        film = Member(jpeg_sequence.member_of(f"image_{stream}"), info.size_bytes, 0)
        yield webdataset.item(source, info, film, fields | {"quarter_turns": QUARTER_TURNS})


def _first_frame(info: ObjectInfo) -> tuple[str, dict[str, Any]]:
    """The stream to take and what the clip's first frame says. BadMedia: bad_archive and its like, no_video."""
    members: dict[str, Member] = {}
    first = None
    with reader.open_archive(info.uri) as archive:
        for count, member in enumerate(archive.members()):
            if not member.name and member.bad:
                raise BadMedia(*member.bad)
            if numbered := re.fullmatch(r"(?:.*/)?([0-9]+)\.([^/]+)", member.name):
                first = numbered[1] if first is None else first
                if numbered[1] != first:
                    break
                members[numbered[2]] = member
            if count >= HEAD_MEMBERS:
                break
        stream = next((s for s in STREAMS if f"image_{s}.jpg" in members), None)
        if stream is None:
            raise BadMedia("no_video", f"no picture of the streams {' or '.join(STREAMS)} in the first frame")
        described = {name: _json(archive, members.get(f"{name}.json")) for name in ("info", "cameras")}
    return stream, _said(described["info"], described["cameras"].get(stream))


def _said(info: dict[str, Any], camera: Any) -> dict[str, Any]:
    """Wearer and lens. BadMedia `bad_sidecar`."""
    try:
        who = text(info, "participant_id")
    except BadMedia as e:
        raise BadMedia("bad_sidecar", e.detail) from e
    fields: dict[str, Any] = {"wearer": identity("hot3d", who)} if who else {}
    calibration = camera.get("calibration") if isinstance(camera, dict) else None
    if isinstance(calibration, dict):
        model = {"model": calibration.get("projection_model_type")}
        fields["intrinsics_json"] = json.dumps(calibration | model, sort_keys=True)
    return fields


def _json(archive: reader.Archive, member: Member | None) -> dict[str, Any]:
    """A JSON member, empty where there is none. BadMedia `bad_sidecar`."""
    if member is None:
        return {}
    try:
        if member.bad is not None:
            raise BadMedia(*member.bad)
        return json_object(archive.read(member, folder.SIDECAR_BYTES), member.name)
    except BadMedia as e:
        raise BadMedia("bad_sidecar", f"{e.reason} {e.detail}") from e


KIND = SourceKind("hot3d", list_items)
