"""What a worker that decodes hands to the hop: rows by table, and fragments of proxies it has written.

Media never cross a shuffle: workers write fragments and put their metadata in staging; the hop commits children first
and parents last, so that a killed run leaves nothing that a reader sees and the next run inserts what is absent.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from infra.storage import objects
from infra.storage.lease import Lease
from pipelines.hop import Done, Run
from schemas import TABLES, Asset, Episode, Reject
from schemas.arrow import table_of, to_dict
from schemas.keys import reject_key

LEASE = "media"  # ingest and fold both write clips and proxies: one writer at a time
CHILDREN = ("clips", "steps", "rejects")
PARENTS = ("assets", "episodes")


@dataclass(slots=True)
class WorkPackage:
    """Rows of one piece of work; fragments of proxies as JSON; keys that did not come to an end this time.

    clips, steps: columns, since there are many of them. log: key of the robot log that the work read, if it was one.
    """

    log: str = ""
    assets: list[Asset] = field(default_factory=list)
    episodes: list[Episode] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    clips: list[pa.Table] = field(default_factory=list)
    steps: list[pa.Table] = field(default_factory=list)
    proxies: list[str] = field(default_factory=list)
    unreached: list[str] = field(default_factory=list)

    def dumps(self) -> bytes:
        """The package as JSON: rows by table as objects, or as base64 of an Arrow stream.

        The names are those of every commit: a later one sweeps what an earlier one's run left in staging.
        """
        rows: dict[str, Sequence[Asset | Episode | Reject]] = {
            "assets": self.assets,
            "episodes": self.episodes,
            "rejects": self.rejects,
        }
        tables = {"clips": self.clips, "steps": self.steps}
        plain = {
            "rows": {name: [to_dict(row) for row in made] for name, made in rows.items()},
            "tables": {name: [_text_of(table) for table in made] for name, made in tables.items()},
            "proxies": self.proxies,
            "unreached": self.unreached,
            "log": self.log,
        }
        return json.dumps(plain).encode()


@dataclass(frozen=True, slots=True)
class StagedPackage:
    """A package as a hop reads it: its rows as columns, by table. ends: rejects that are written last of all."""

    rows: dict[str, list[pa.Table]]
    proxies: list[str]
    unreached: list[str]
    log: str = ""
    ends: tuple[pa.Table, ...] = ()

    @staticmethod
    def loads(data: bytes) -> StagedPackage:
        """What `WorkPackage.dumps` wrote."""
        plain = json.loads(data)
        rows = {name: [table_of(TABLES[name], made)] for name, made in plain["rows"].items() if made}
        for name, texts in plain["tables"].items():
            rows[name] = rows.get(name, []) + [_table_in(text) for text in texts]
        return StagedPackage(rows, plain["proxies"], plain["unreached"], plain.get("log", ""))


def _text_of(table: pa.Table) -> str:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return base64.b64encode(sink.getvalue()).decode()


def _table_in(text: str) -> pa.Table:
    return pa.ipc.open_stream(base64.b64decode(text)).read_all()


def reject(subject: str, uri: str | None, stage: str, recipe: str, why: tuple[str, str], run_id: str) -> Reject:
    """A Reject row; `why` is reason and detail."""
    return Reject(
        reject_id=reject_key(subject, stage, recipe), subject=subject, uri=uri, stage=stage, recipe=recipe,
        reason=why[0], detail=why[1], run_id=run_id,
    )  # fmt: skip


def staging(run: Run, hop: str) -> str:
    """Folder of a run's packages."""
    return objects.join(run.store.root, "staging", hop, run.run_id)


def sweep(run: Run, hop: str) -> None:
    """Removes what killed runs of a hop staged, and the fragments named there that no commit took.

    The hop's lease is held, so those runs are dead. A fragment that a killed worker had not staged yet is nobody's
    until Lance's own cleanup takes it.
    """
    folder = objects.join(run.store.root, "staging", hop)
    for info in staged(folder):
        run.store.discard("proxies", json.loads(objects.read_bytes(info.uri))["proxies"])
    objects.delete_below(folder)


def staged(folder: str) -> list[objects.ObjectInfo]:
    """What lies in a staging folder."""
    return list(objects.list_objects(folder + "/")) if objects.is_s3(folder) or objects.exists(folder) else []


def staged_packages(run: Run, hop: str) -> list[StagedPackage]:
    """What this run has staged and not yet committed."""
    return [StagedPackage.loads(objects.read_bytes(info.uri)) for info in staged(staging(run, hop))]


Settle = Callable[[list[StagedPackage]], list[StagedPackage]]


def commit(run: Run, hop: str, lease: Lease, done: Done, settle: Settle = list) -> list[str]:
    """Commits every staged package of this run, children first, and clears the staging. Returns unreached keys.

    settle: what the packages become beside one another and beside what the tables hold.
    """
    packages = settle(staged_packages(run, hop))
    lease.check()
    done.add("proxies", _append_proxies(run, packages))
    for name in (*CHILDREN, *PARENTS):
        if made := [table for package in packages for table in package.rows.get(name, [])]:
            lease.check()
            done.add(name, run.store.insert(name, pa.concat_tables(made), run_id=run.run_id))
    if ends := [table for package in packages for table in package.ends]:
        lease.check()
        done.add("rejects", run.store.insert("rejects", pa.concat_tables(ends), run_id=run.run_id))
    objects.delete_below(staging(run, hop))
    return [key for package in packages for key in package.unreached]


def note_unreached(done: Done, unreached: list[str]) -> None:
    """Says what could not be reached this time."""
    if unreached:
        done.notes.append(f"{len(unreached)} could not be reached and are tried again next time: {unreached[0]}")


def _append_proxies(run: Run, packages: list[StagedPackage]) -> int:
    """One append for the batch. Two packages never hold one clip: a recording's bytes go to one worker."""
    fragments = [f for package in packages for f in package.proxies]
    return run.store.append("proxies", fragments, run_id=run.run_id)
