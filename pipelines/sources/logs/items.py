"""Items of logs that lie beside their recordings, and names of attempts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import LogItem, MediaFile, UnreadPart
from schemas.keys import key_of, log_revision


def attempt_name(name: str) -> str:
    """A file's or folder's name as an attempt's: what is no letter, digit, `_`, `-` or dot is `_`, with a digest."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+|\.(?=\.)|^[.-]", "_", name)[:100]
    return safe if safe == name and safe else f"{safe}_{key_of(name)[:8]}"


def media_of(camera: str, info: ObjectInfo) -> MediaFile:
    """A camera's recording as the listing has it."""
    return MediaFile(
        camera=camera, uri=info.uri, revision=info.etag, modified_ns=info.modified_ns, size_bytes=info.size_bytes
    )


def item_of(
    log: ObjectInfo, root: str, media: Sequence[MediaFile], beside: Sequence[ObjectInfo] = (),
    unread: Sequence[UnreadPart] = (),
) -> LogItem:  # fmt: skip
    """A log with its recordings. beside: what else its attempts are made of; unread: what they are taken without."""
    etags = [log.etag, *(o.etag for o in beside), *(part for m in media for part in (m.camera, m.revision))]
    etags += [word for part in unread for word in (part.name, part.detail)]
    return LogItem(
        uri=log.uri, root=root, revision=log_revision(log.uri, etags), media=tuple(media),
        modified_ns=max([log.modified_ns, *(o.modified_ns for o in beside), *(m.modified_ns for m in media)]),
        size_bytes=log.size_bytes + sum(m.size_bytes for m in media), unread=tuple(unread),
    )  # fmt: skip
