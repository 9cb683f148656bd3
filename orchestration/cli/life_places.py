"""Places that a subject names by the end of their path, with or without the ending of the file."""

from __future__ import annotations

import re

from infra.storage.tables import Store
from schemas.columns import values_of

TABLES = ("assets", "rejects", "episodes")
_SPECIAL = re.compile(r"[][.^$*+?{}\\|()]")


def places_ending(store: Store, subject: str) -> list[str]:
    """URIs of recordings, logs and what was refused that end in the subject, each once, sorted.

    `dog`, `dog.mp4` and `media/dog.mp4` name `/data/media/dog.mp4`; a whole name goes before one without its ending.
    What comes behind a `?` of a URL does not count.
    """
    end = _SPECIAL.sub(lambda m: "\\" + m[0], subject.strip("/")).replace("'", "''")
    where = f"regexp_like(uri, '(^|/){end}([.][^/.?]*)?([?].*)?$')"
    uris = sorted({uri for table in TABLES for uri in values_of(store.read(table, ["uri"], where)["uri"], str)})
    return [uri for uri in uris if f"/{uri}".endswith(f"/{subject.strip('/')}")] or uris
