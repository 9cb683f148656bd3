"""Schema 2 (commit bcc87f2) to 3: an attempt is its data set's namespace and its name, and no longer its numbers.

Each log is read once more by the next fold: what it gives then supersedes these rows, by their place in the log. Steps
stay: `steps_id` of a row is its episode's id of then, by which its steps are found. Formulas are written out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.columns import values_of
from schemas.keys import key_of
from schemas.migrations.step import Change, Mapped, MapRows, Step

READS = ("episode_id", "name", "uri", "revision", "modified_ns", "cameras")


@dataclass(frozen=True, slots=True)
class RobotPlace:
    """Where a `[[robot]]` of the config lies, and the name that it gives its data sets."""

    uri: str
    name: str | None = None


def is_of_schema_2(columns: Mapping[str, frozenset[str]]) -> bool:
    """Whether attempts, given by their table's columns, are as schema 2 has them."""
    return "episodes" in columns and "steps_id" not in columns["episodes"]


def root_of(uri: str) -> str:
    """The data set that a log of schema 2 is part of: above `data` for LeRobot's rows, else the log's own folder."""
    folder = uri.rpartition("/")[0]
    root, data, _ = uri.rpartition("/data/")
    return root if data and uri.endswith(".parquet") else folder


def namespace_of(places: Sequence[RobotPlace], uri: str) -> str:
    """The namespace of a log's data set: by the first of the places that it lies below, else its folder's own name."""
    root = root_of(uri)
    for place in places:
        if _below(place.uri, uri) is not None:
            path = _below(place.uri, root)
            if place.name is not None:
                return "/".join(filter(None, (place.name, path)))
            return path or _last_name(place.uri if path == "" else root)
    return _last_name(root)


def _below(folder: str, root: str) -> str | None:
    """The root's path below the folder, "" where they are one; None where it does not lie there."""
    if "://" in folder or "://" in root:
        folder = folder.rstrip("/")
        return "" if root == folder else root[len(folder) + 1 :] if root.startswith(f"{folder}/") else None
    path = Path(os.path.relpath(root or ".", folder)).as_posix()
    return None if path.startswith("..") else "" if path == "." else path


def _last_name(folder: str) -> str:
    return folder.rstrip("/").rpartition("/")[2] if "://" in folder else Path(folder).resolve().name


def episodes(places: Sequence[RobotPlace], others: Mapping[str, pa.Table]) -> MapRows:
    """Attempts under their new ids. Of one that was read at several places with the same recordings, one stays it."""
    return partial(_episodes, places, _copies(places, others["episodes"].to_pylist()))


def _new_id(places: Sequence[RobotPlace], uri: str, name: str) -> str:
    return key_of(namespace_of(places, uri), name)


def _copies(places: Sequence[RobotPlace], rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str], str]:
    """Old id, uri and name of what held an attempt's recordings before another place did: the last one's new id.

    A log that was read anew with other numbers has several old ids at one place: what one of them was a copy of is
    none of the others' matter.
    """
    newest: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    for row in sorted(rows, key=lambda r: (r["modified_ns"], r["revision"])):
        newest[row["episode_id"], row["uri"], row["name"]] = row
    last: dict[tuple[str, str], str] = {}
    same = {place: (place[0], json.dumps(row["cameras"], sort_keys=True)) for place, row in newest.items()}
    for old, uri, name in sorted(newest, key=lambda place: (newest[place]["modified_ns"], newest[place]["revision"])):
        last[same[old, uri, name]] = _new_id(places, uri, name)
    return {
        (old, uri, name): last[same[old, uri, name]]
        for old, uri, name in newest
        if last[same[old, uri, name]] != _new_id(places, uri, name)
    }


def _episodes(places: Sequence[RobotPlace], copies: Mapping[tuple[str, str, str], str], rows: pa.Table) -> Mapped:
    if "steps_id" in rows.column_names:
        return Mapped(rows)
    uris, names, old = (values_of(rows[column], str) for column in ("uri", "name", "episode_id"))
    roots = [root_of(uri) for uri in uris]
    namespaces = [namespace_of(places, uri) for uri in uris]
    ids = [key_of(*pair) for pair in zip(namespaces, names, strict=True)]
    keys = [key_of(new, revision, 0) for new, revision in zip(ids, rows["revision"].to_pylist(), strict=True)]
    gained: dict[str, list[str] | list[str | None]] = {
        "namespace": namespaces,
        "root": [root if "://" in root else os.path.normpath(root) for root in roots],
        "steps_id": old,
        "copy_of": [copies.get(place) for place in zip(old, uris, names, strict=True)],
        "earlier_id": old,
    }
    for column, values in {"episode_row_id": keys, "episode_id": ids}.items():
        at = rows.column_names.index(column)
        rows = rows.set_column(at, rows.schema.field(at), pa.array(values, pa.string()))
    for column, made in gained.items():
        rows = rows.append_column(pa.field(column, pa.string()), pa.array(made, pa.string()))
    return Mapped(rows.append_column(pa.field("reading", pa.int64()), pa.array([0] * rows.num_rows, pa.int64())))


def step(places: Sequence[RobotPlace] = ()) -> Step:
    """The step, for logs at the config's places."""
    return Step(2, 3, (Change("episodes", partial(episodes, tuple(places)), {"episodes": READS}),))


STEP = step()
