"""What logs that were read become beside the corpus: later readings, copies, names that are taken, what is gone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.corpus.episodes import place_order, recordings_of
from pipelines.fold.known import PENDING, Known, Seen, seen_of
from pipelines.fold.offers import HOP, TAKEN, Logs
from pipelines.hop import Run
from pipelines.staging.package import StagedPackage, reject
from schemas import Episode, Reject
from schemas.arrow import rows_of, table_of
from schemas.keys import attempt_key, episode_row_key

NAME_TAKEN = "name_taken"
GONE = "the log does not hold it any more"


class Part:
    """One log of a batch: its package, and what becomes of its attempts."""

    def __init__(self, package: StagedPackage) -> None:
        self.package = package
        self.rows = [row for table in package.rows.get("episodes", []) for row in rows_of(Episode, table)]
        self.rejects = [row for table in package.rows.get("rejects", []) for row in rows_of(Reject, table)]
        self.withdrawn: list[Episode] = []
        self.refused: list[Reject] = []


@dataclass(frozen=True, slots=True)
class Waiting:
    """An attempt that is not judged yet. before: the row of its name in its log; stood: it was an attempt then."""

    row: Episode
    part: Part
    before: Seen | None
    stood: bool


class Settler:
    """Settles one batch after the other, each beside what the corpus and the batches before it hold."""

    def __init__(self, run: Run, offered: Sequence[Logs], todo: Mapping[str, Logs], recipe: str) -> None:
        """todo: the logs that are read in this run, by key; recipe: of the clips."""
        self.run, self.todo, self.recipe = run, todo, recipe
        self._uris = {logs.item.uri for logs in offered}
        self._roots = {logs.origin.root for logs in offered}
        self._known: Known | None = None
        self._counts: Counter[str] = Counter()

    def settle(self, packages: Sequence[StagedPackage]) -> list[StagedPackage]:
        """The packages with their episodes as they stand beside everything else.

        Which of several copies is the attempt: the one that was it before; else, in one batch, the first by namespace
        and name. So neither the order of the config nor that of the workers has a part in it.
        """
        self._known = self._known or Known.of(self.run.store)
        parts = {p.log: Part(p) for p in packages if p.log and not p.unreached}
        for key, part in parts.items():
            part.withdrawn = list(self._withdrawn(key, part))
        self._refuse_one_name(parts)
        self._judge([waiting for key in sorted(parts) for waiting in self._waiting(key, parts[key])])
        for part in parts.values():
            for row in part.withdrawn:
                self._known.add(seen_of(row))
            copies = sum(row.copy_of is not None for row in part.rows)
            self._counts.update(copies=copies, withdrawn=len(part.withdrawn))
            self._counts.update(row.reason for row in part.refused)
        return [self._package(parts[p.log]) if p.log in parts else p for p in packages]

    def notes(self) -> list[str]:
        """What became of attempts that are not simply new, for people."""
        words = {
            "copies": "are copies of others, of the same steps and recordings: booked, and no attempts of their own",
            "withdrawn": "are no attempts any more, since their logs were read again and do not give them",
            TAKEN: f"were refused ({TAKEN})",
            NAME_TAKEN: f"were refused ({NAME_TAKEN})",
        }
        return [f"{n} attempts {words[what]}; `handwheel why NAME` tells" for what, n in self._counts.items() if n]

    def _refuse_one_name(self, parts: Mapping[str, Part]) -> None:
        """Of logs of one data set that give one name to different attempts, all but one are refused.

        It stays with the log that had it, as long as that is offered and gives it; else the first by uri has it.
        """
        known, read = self._known or Known(), {self.todo[key].item.uri for key in parts}
        holders: dict[str, Seen] = {}
        for row in sorted((row for part in parts.values() for row in part.rows), key=lambda row: row.uri):
            there = known.attempt(row.episode_id)
            if there is not None and there.root == row.root and there.uri in self._uris - read:
                holders[row.episode_id] = there
            elif row.episode_id not in holders or (there is not None and there.uri == row.uri):
                holders[row.episode_id] = seen_of(row)
        for key, part in parts.items():
            rows, part.rows = part.rows, []
            for row in rows:
                holder = holders[row.episode_id]
                if holder.uri == row.uri or holder.content == seen_of(row).content:
                    part.rows.append(row)
                    continue
                detail = (
                    f"{row.name}: {holder.uri} and {row.uri} both name an attempt {row.name!r} in {row.namespace!r}, "
                    f"and hold different ones; give the one in {row.uri} a name of its own"
                )
                part.refused.append(self._reject(key, row, (NAME_TAKEN, detail)))

    def _waiting(self, key: str, part: Part) -> Iterator[Waiting]:
        """The log's attempts, each as the reading that it is; those whose identity is another's are refused."""
        known, rows, part.rows = self._known or Known(), part.rows, []
        for row in rows:
            if (where := self._other_place(row, self.todo[key])) is not None:
                detail = (
                    f"{row.name}: {row.namespace!r} is {where} in this corpus, and holds something else there; write "
                    f"name = {row.namespace!r} into the [[robot]] of {row.root} if it is that data set, else another "
                    f"name"
                )
                part.refused.append(self._reject(key, row, (TAKEN, detail)))
                continue
            before = known.by_place.get((row.uri, row.name))
            stood = known.attempt(row.episode_id) is not None or (before is not None and known.stands(before))
            yield Waiting(self._as_reading(row), part, before, stood)

    def _judge(self, waiting: list[Waiting]) -> None:
        """Puts each attempt into its part, as one or as a copy."""
        known = self._known or Known()
        for one in waiting:
            known.add(seen_of(replace(one.row, copy_of=PENDING)))
        for one in sorted(waiting, key=lambda w: (not w.stood, w.row.namespace or "", w.row.name, w.row.uri)):
            row = self._judged(one.row, one.before, one.stood)
            known.add(seen_of(row))
            one.part.rows.append(row)

    def _as_reading(self, row: Episode) -> Episode:
        """The row as the reading that it is: as before where the log and the way it is read are the same."""
        known = self._known or Known()
        before = known.by_place.get((row.uri, row.name))
        if before is not None and before.revision == row.revision and before.withdrawn is None:
            reading = before.reading or 0
        else:
            other = known.by_id.get(row.episode_id)
            reading = 1 + max(known.readings.get(row.uri, 0), (other.reading or 0) if other else 0)
        return replace(row, reading=reading, episode_row_id=episode_row_key(row.episode_id, row.revision, reading))

    def _judged(self, row: Episode, before: Seen | None, stood: bool) -> Episode:
        """The row as an attempt, or as a copy of one. What was one is no copy of a copy that stands in its place."""
        known, standing = self._known or Known(), seen_of(row)
        if before is not None and before.episode_row_id == row.episode_row_id:
            return replace(row, copy_of=before.copy_of)  # it is stored as it was
        same = [s for s in known.same_as(standing.content) if s.episode_id != row.episode_id]
        same = [s for s in same if s.copy_of is None or not (stood or s.copy_of == row.episode_id)]
        if same:
            return replace(row, copy_of=min(same, key=place_order).episode_id)
        # What it was a copy of may be out of reach, so that it cannot be read as this was; its recordings still tell.
        was = known.attempt(before.copy_of) if before is not None and before.copy_of else None
        if was is not None and was.reader != row.reader and recordings_of(was.cameras) == recordings_of(row.cameras):
            return replace(row, copy_of=was.episode_id)
        return row

    def _other_place(self, row: Episode, logs: Logs) -> str | None:
        """A place that has the attempt's identity, is offered no more, and held something else; None where none is.

        Where the `[[robot]]` names its data set, it is the same one at a new place.
        """
        known = self._known or Known()
        there = known.attempt(row.episode_id)
        if logs.source.name is not None or there is None or there.root in (None, logs.origin.root):
            return None
        if there.uri in self._uris or there.root in self._roots or there.content == seen_of(row).content:
            return None
        return there.root

    def _reject(self, key: str, row: Episode, why: tuple[str, str]) -> Reject:
        return reject(attempt_key(key, row.name), row.uri, HOP, self.recipe, why, self.run.run_id)

    def _withdrawn(self, key: str, part: Part) -> Iterator[Episode]:
        """New rows that withdraw what earlier readings of the log gave and this one does not."""
        known, logs = self._known or Known(), self.todo[key]
        kind, names = logs.origin.reader.partition(" ")[0], {row.name for row in part.rows}
        gone = {
            standing.episode_row_id: standing
            for standing in known.latest_in(logs.item.uri)
            if standing.name not in names and (standing.reader is None or standing.reader.partition(" ")[0] == kind)
        }
        if not gone:
            return
        whys = {r.subject: f"{r.reason}: {r.detail}" for r in part.rejects}
        reading = 1 + known.readings.get(logs.item.uri, 0)
        for row in rows_of(Episode, self.run.store.read_keys("episodes", "episode_row_id", sorted(gone))):
            why = whys.get(attempt_key(key, row.name)) or whys.get(key) or GONE
            yield replace(
                row, revision=logs.item.revision, modified_ns=logs.item.modified_ns, reading=reading, withdrawn=why,
                episode_row_id=episode_row_key(row.episode_id, logs.item.revision, reading),
                reader=logs.origin.reader, run_id=self.run.run_id,
            )  # fmt: skip

    def _package(self, part: Part) -> StagedPackage:
        """The package with its settled rows. What ends a log comes last: what was withdrawn is written before it."""
        log, rejects = part.package.log, [*part.rejects, *part.refused]
        if part.refused and not part.rows:
            first = part.refused[0]
            why = (first.reason, f"no attempt of it can be used: {first.detail}")
            rejects.append(reject(log, first.uri, HOP, self.recipe, why, self.run.run_id))
        tables = part.package.rows | {
            "episodes": [table_of(Episode, [*part.rows, *part.withdrawn])],
            "rejects": [table_of(Reject, [r for r in rejects if r.subject != log])],
        }
        return replace(part.package, rows=tables, ends=(table_of(Reject, [r for r in rejects if r.subject == log]),))
