"""Which attempts a subject names: by id, the id that it had, name, or namespace and name; by the log."""

from __future__ import annotations

from dataclasses import fields, replace

import pyarrow as pa

from infra.storage.tables import Store
from orchestration.cli.life_rows import EpisodeFacts
from pipelines.corpus.episodes import EPISODE, STANDING, latest_rows, rank_of, standing_rows
from schemas import Episode
from schemas.tables import TypedTable

COLUMNS = [f.name for f in fields(EpisodeFacts)]


def readings_of(store: Store, subject: str) -> list[EpisodeFacts]:
    """All that was read of what a subject names, the newest reading of each attempt first.

    Of an attempt that was read at a place before under another id, what was read there too.
    """
    named = _rows(store, _where(subject))
    again = TypedTable(EpisodeFacts, store.read_keys("episodes", "uri", sorted({e.uri for e in named}), COLUMNS)).rows()
    places, ids = {(e.uri, e.name) for e in named}, sorted({e.episode_id for e in named})
    same = TypedTable(EpisodeFacts, store.read_keys("episodes", "episode_id", ids, COLUMNS)).rows()
    rows = {(e.episode_id, e.revision, e.reading): e for e in [*same, *(e for e in again if (e.uri, e.name) in places)]}
    newest_first = sorted(rows.values(), key=lambda e: rank_of(e.reading, e.modified_ns, e.revision), reverse=True)
    return sorted(newest_first, key=lambda e: (e.namespace or "", e.name))


def attempts_named(store: Store, name: str) -> list[EpisodeFacts]:
    """The attempts whose own name it is, as they were last read, copies included; in order of namespace.

    A copy that stands in the place of what it is a copy of is none here.
    """
    rows = TypedTable(Episode, store.read("episodes", COLUMNS, f"name = {_quoted(name)}"))
    latest = rows.take(pa.array(latest_rows(rows), pa.int64()))
    facts = TypedTable(EpisodeFacts, latest.table).rows()
    if any(e.copy_of for e in facts):
        every = TypedTable(Episode, store.read("episodes", STANDING))
        ids = every.values(EPISODE.episode_id)
        stand = {ids[i] for i in standing_rows(every)}
        facts = [replace(e, copy_of=None) if e.episode_id in stand else e for e in facts]
    return sorted(facts, key=lambda e: (e.namespace or "", e.uri))


def _where(subject: str) -> str:
    namespace, slash, name = subject.rpartition("/")
    where = " or ".join(f"{column} = {_quoted(subject)}" for column in ("episode_id", "earlier_id", "name", "uri"))
    return f"{where} or (namespace = {_quoted(namespace)} and name = {_quoted(name)})" if slash else where


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _rows(store: Store, where: str) -> list[EpisodeFacts]:
    return TypedTable(EpisodeFacts, store.read("episodes", COLUMNS, where)).rows()
