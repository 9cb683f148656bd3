"""What the `[[robot]]` offer: each log once, whose attempts it holds, and which of them are still to be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

from infra.storage import objects
from pipelines.corpus.episodes import rank_of
from pipelines.fold.rows import Origin
from pipelines.hop import Run
from pipelines.sources.logs import RobotSource, check_columns, kind_of
from pipelines.sources.logs.base import READING, LogItem, LogKind, LogOptions
from pipelines.sources.logs.namespaces import namespace_of, place_of
from pipelines.staging.package import reject
from schemas import Episode, Reject
from schemas.errors import UsageError
from schemas.keys import as_stored, digest_of, log_key, reading_revision, reject_key
from schemas.tables import TypedTable, columns_of

HOP = "fold"
TAKEN = "namespace_taken"
EPISODE = columns_of(Episode)


@dataclass(frozen=True, slots=True)
class Logs:
    """One item of one source.

    item.revision is the log's with how it is read; log_revision the log's alone. taken_by: the place whose data set has
    this one's namespace, where that is another place: then nothing of it is read.
    """

    source: RobotSource
    item: LogItem
    origin: Origin
    log_revision: str
    taken_by: str | None = None

    def key(self, recipe: str) -> str:
        """Key of the item, folded under a recipe."""
        return log_key(self.item.uri, self.item.revision, recipe)


def list_logs(sources: Sequence[RobotSource]) -> Iterator[Logs]:
    """What the sources offer now; a log that two of them offer is the first one's.

    Of two data sets with one namespace the first in the config's order has it. UsageError, before anything is read: a
    kind that there is not, columns that it does not take; a place that is not there.
    """
    for source in sources:
        check_columns(source)
    owners: dict[str, str] = {}
    items_before: set[tuple[str, str]] = set()
    for source in sources:
        kind = kind_of(source.kind)
        if not objects.is_s3(source.uri) and not objects.exists(source.uri):
            raise UsageError(f"robot logs {source.uri!r} are not there; correct [[robot]] uri in handwheel.toml")
        for item in kind.list(source.uri, source):
            if (kind.name, item.uri) in items_before:
                continue
            items_before.add((kind.name, item.uri))
            logs = _logs_of(source, kind, item)
            owner = owners.setdefault(logs.origin.namespace, logs.origin.root)
            yield logs if owner == logs.origin.root else replace(logs, taken_by=owner)


def _logs_of(source: RobotSource, kind: LogKind, item: LogItem) -> Logs:
    """The item with its namespace, and a revision that changes with whatever its attempts are made of."""
    namespace = namespace_of(source.uri, source.name, item.root)
    origin = Origin(namespace, place_of(item.root), f"{kind.name} {READING}.{kind.version}")
    revision = reading_revision(origin.reader, options_digest(source), namespace, item.revision)
    return Logs(source, replace(item, revision=revision), origin, item.revision)


def options_digest(source: RobotSource) -> str:
    """Digest of what the `[[robot]]` says of its logs; an option that came later changes it only where it is said."""
    usual = LogOptions()
    options = {
        f.name: value for f in fields(LogOptions) if (value := getattr(source, f.name)) != getattr(usual, f.name)
    }
    # A name that is the namespace already: what was refused for lack of one is read then.
    return digest_of(as_stored(options | ({} if source.name is None else {"name": source.name})))


def taken_rejects(run: Run, offered: Iterable[Logs], recipe: str) -> list[Reject]:
    """A reject for each log of a data set whose namespace another one has. It is no end: the other may go."""
    rows = []
    for logs in offered:
        if logs.taken_by is None:
            continue
        detail = (
            f"{logs.origin.root} and {logs.taken_by} are both {logs.origin.namespace!r}; "
            f'write name = "..." into the [[robot]] of one of them'
        )
        row = reject(logs.key(recipe), logs.item.uri, HOP, recipe, (TAKEN, detail), run.run_id)
        rows.append(replace(row, reject_id=reject_key(row.subject, HOP, recipe, TAKEN)))
    return rows


def not_yet_folded(run: Run, offered: Sequence[Logs], recipe: str) -> dict[str, Logs]:
    """Logs that are neither episodes with decoded recordings, nor this recipe's rejects, by item key.

    Those that held copies when they were last read come last: what they are copies of is read before them.
    """
    offered = [logs for logs in offered if logs.taken_by is None]
    read, copies = _folded(run, offered, recipe)
    todo = {logs.key(recipe): logs for logs in offered if (logs.item.uri, logs.item.revision) not in read}
    refused = {reject_key(key, HOP, recipe): key for key in todo}
    left = {refused[r] for r in run.store.absent("rejects", list(refused))}
    order = sorted((key for key in todo if key in left), key=lambda key: todo[key].item.uri in copies)
    return {key: todo[key] for key in order}


def _folded(run: Run, offered: Sequence[Logs], recipe: str) -> tuple[set[tuple[str, str]], set[str]]:
    """(uri, revision) of every log whose episodes are there with all of their recordings' assets; uris with copies.

    What a log was before it was read again does not count: its former bytes may be back.
    """
    decoded = set(run.store.read("assets", ["sha256"], f"recipe = '{recipe}'")["sha256"].to_pylist())
    columns = ["uri", "revision", "modified_ns", "reading", "cameras", "copy_of", "withdrawn"]
    episodes = TypedTable(Episode, run.store.read("episodes", columns))
    logs = list(zip(episodes.values(EPISODE.uri), episodes.values(EPISODE.revision), strict=True))
    whole = [all(c["sha256"] in decoded for c in cameras) for cameras in episodes.values(EPISODE.cameras)]
    there = [why is None for why in episodes.values(EPISODE.withdrawn)]
    newest: dict[str, tuple[int, int, str]] = {}
    times = zip(episodes.values(EPISODE.reading), episodes.values(EPISODE.modified_ns), strict=True)
    for (uri, revision), (reading, modified_ns) in zip(logs, times, strict=True):
        rank = rank_of(reading, modified_ns, revision)
        newest[uri] = max(newest.get(uri, rank), rank)
    now: dict[str, set[str]] = {}
    for one in offered:
        now.setdefault(one.item.uri, set()).add(one.item.revision)
    read = {log for log, is_there in zip(logs, there, strict=True) if is_there}
    read -= {log for log, is_there, is_whole in zip(logs, there, whole, strict=True) if is_there and not is_whole}
    read = {(uri, revision) for uri, revision in read if newest[uri][2] in now.get(uri, ())}
    copies = {uri for (uri, _), copy in zip(logs, episodes.values(EPISODE.copy_of), strict=True) if copy}
    return read, copies
