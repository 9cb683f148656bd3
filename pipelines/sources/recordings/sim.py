"""The sample world as a source: a folder whose world.toml says what is in it (`handwheel sim` writes one).

What the folder lacks is rendered by `prepare`, which ingest and fold call before they list; later calls cost no
rendering. The same folder is a [[source]] of first-person takes and, through sources/logs/sim.py, a [[robot]] of
attempts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from infra.storage import objects
from pipelines.hop import Progress
from pipelines.sources.recordings import folder
from pipelines.sources.recordings.base import Item, Source, SourceKind
from schemas.errors import UsageError

EGO, ROBOT = "ego", "robot"


def prepare(uri: str, progress: Progress) -> None:
    """Renders what the folder lacks. UsageError: it is not a local folder, or there is nothing to render with."""
    from simworld import build

    if objects.is_remote(uri):
        raise UsageError(f"{uri}: a world is rendered into a local folder; copy it from there and read it as a folder")
    build.build(Path(uri), build.read_spec(Path(uri)), lambda done, total: progress("sim", done, total))


def list_items(source: Source) -> Iterator[Item]:
    """The world's first-person takes, with what their sidecars say."""
    return folder.list_items(dataclasses.replace(source, uri=part(source.uri, EGO)))


def part(uri: str, name: str) -> str:
    """A folder of the world."""
    return f"{uri.rstrip('/')}/{name}"


KIND = SourceKind("sim", list_items, prepare, folder.resolve_sidecars, alias="world")
