"""What readers of logs of messages share: their names, their files on this disk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infra.readers.message_pictures import is_picture, short_type
from infra.readers.topics import Topic
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, LogField, LogItem
from pipelines.sources.logs.topic_choice import has_readings
from schemas.keys import key_of, log_revision


def item_of(uri: str, root: str, files: Sequence[ObjectInfo]) -> LogItem:
    """The item of a log that consists of these files; its recordings lie within it."""
    return LogItem(
        uri=uri,
        root=root,
        revision=log_revision(uri, [part for f in files for part in (f.uri[len(root) :], f.etag)]),
        modified_ns=max((f.modified_ns for f in files), default=0),
        size_bytes=sum(f.size_bytes for f in files),
        media=(),
    )


def attempt_name(name: str) -> str:
    """A file's or folder's name as an attempt's: what is no letter, digit, `_`, `-` or dot is `_`, with a digest."""
    safe = re.sub(r"[^A-Za-z0-9_.-]+|\.(?=\.)|^[.-]", "_", name)[:100]
    return safe if safe == name and safe else f"{safe}_{key_of(name)[:8]}"


def fields_of(topics: Sequence[Topic]) -> list[LogField]:
    """The topics with their types; those of pictures are cameras', those with readings may be state or action."""
    fields = []
    for t in topics:
        kind = NUMBERS if has_readings(t) else WORDS if short_type(t.type) in ("String", "Bool") else OTHER
        kind = PICTURES if is_picture(t.name, t.type) else kind
        count = "" if t.messages is None else f", {t.messages} messages"
        fields.append(LogField(name=t.name, kind=kind, about=(short_type(t.type) or "no type") + count))
    return fields


@contextmanager
def local_files(uris: Sequence[str]) -> Iterator[list[Path]]:
    """The files on this disk, for the while. FileNotFoundError: one is not there."""
    with ExitStack() as stack:
        yield [stack.enter_context(log_pictures.local_log(uri)) for uri in uris]
