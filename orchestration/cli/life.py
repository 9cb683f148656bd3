"""The life of a clip, asset or episode: the rows that name it, and what descends from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from filters.policies.policy import Policy
from infra.storage.tables import Store
from orchestration.cli.life_attempts import readings_of
from orchestration.cli.life_evidence import evidence_of
from orchestration.cli.life_rows import (
    AssetFacts,
    CaptionFacts,
    ClipFacts,
    DecisionFacts,
    DuplicateFacts,
    EpisodeFacts,
    PublishedFacts,
    RejectFacts,
)
from pipelines.corpus import releases
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.inventory import CurrentAsset
from schemas.tables import TypedTable

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Life:
    """Rows by table. `now`: what ledger, report and publish take each decision for, by decision_id.

    whys: a sentence for each decision that holds, by decision_id; measures: a clip's values and limits, by clip_id;
    standing: of each place what it holds now and which place speaks for these bytes, {uri: (sha256, uri)}.
    """

    assets: list[AssetFacts]
    rejects: list[RejectFacts]
    clips: list[ClipFacts]
    decisions: list[DecisionFacts]
    duplicates: list[DuplicateFacts]
    captions: list[CaptionFacts]
    episodes: list[EpisodeFacts]
    releases: list[PublishedFacts]
    now: dict[str, str]
    whys: dict[str, str]
    measures: dict[str, list[str]]
    standing: dict[str, tuple[str, str | None]]

    def plain(self) -> dict[str, list[dict[str, object]]]:
        """As `why --json` prints it: a decision with its `now` in place of its id."""
        beside = ("now", "whys", "measures", "standing")
        tables = {f.name: [asdict(row) for row in getattr(self, f.name)] for f in fields(self) if f.name not in beside}
        for row in tables["decisions"]:
            key = str(row.pop("decision_id"))
            row |= {"now": self.now.get(key, "superseded"), "why": self.whys.get(key)}
        for row in tables["clips"]:
            row["measures"] = self.measures.get(str(row["clip_id"]), [])
        return tables


def life_of(store: Store, subject: str, recipe: str, policy: Policy) -> Life | None:
    """The life of whatever the subject names, under a recipe (a digest) and a policy; None where nothing has it."""
    assets = _naming(store, AssetFacts, "assets", ("asset_id", "sha256", "uri"), subject)
    rejects = _naming(store, RejectFacts, "rejects", ("subject", "uri"), subject)
    clips = _naming(store, ClipFacts, "clips", ("clip_id", "sha256"), subject)
    decisions = _naming(store, DecisionFacts, "decisions", ("span_id", "clip_id", "sha256"), subject)
    duplicates = _naming(store, DuplicateFacts, "duplicates", ("clip_a", "clip_b"), subject)
    captions = _naming(store, CaptionFacts, "captions", ("span_id", "sha256"), subject)
    episodes = readings_of(store, subject)
    rejects += [r for r in _parts_refused(store, episodes) if r not in rejects]
    if not any((assets, rejects, clips, decisions, duplicates, captions, episodes)):
        return None
    recordings = {a.sha256 for a in assets} | {camera["sha256"] for e in episodes for camera in e.cameras}
    for sha256 in recordings - {c.sha256 for c in clips}:
        clips += _naming(store, ClipFacts, "clips", ("sha256",), sha256)
    for sha256 in recordings - {d.sha256 for d in decisions}:
        decisions += _naming(store, DecisionFacts, "decisions", ("sha256",), sha256)
    if not assets:
        shas = sorted({c.sha256 for c in clips} | {d.sha256 for d in decisions})
        assets = _keyed(store, AssetFacts, "assets", "sha256", shas)
    clip_ids = sorted({c.clip_id for c in clips} | {d.clip_id for d in decisions})
    for side in ("clip_a", "clip_b"):
        pairs = _keyed(store, DuplicateFacts, "duplicates", side, clip_ids)
        duplicates += [pair for pair in pairs if pair not in duplicates]
    spans = {d.span_id for d in decisions}
    captions = _keyed(store, CaptionFacts, "captions", "span_id", sorted(spans))
    corpus = Corpus(store, recipe, policy.digest)
    now = _verdicts_now(corpus) if decisions else {}
    whys, measures = evidence_of(store, policy, {d.decision_id for d in decisions} & now.keys())
    published = list(_published(store, spans))
    standing = _standing(corpus, assets) if assets else {}
    return Life(
        assets, rejects, clips, decisions, duplicates, captions, episodes, published, now, whys, measures, standing
    )


def _parts_refused(store: Store, episodes: list[EpisodeFacts]) -> list[RejectFacts]:
    """What of these attempts was refused while the rest was taken: `<attempt>/<part>: why`."""
    parts = tuple({f"{e.name}/" for e in episodes})
    of_logs = _keyed(store, RejectFacts, "rejects", "uri", sorted({e.uri for e in episodes}))
    return [r for r in of_logs if r.detail.startswith(parts)]


def _naming(store: Store, row: type[R], table: str, columns: Iterable[str], subject: str) -> list[R]:
    """Rows of a table with the subject in one of the columns."""
    quoted = subject.replace("'", "''")
    where = " or ".join(f"{column} = '{quoted}'" for column in columns)
    return TypedTable(row, store.read(table, _columns(row), where)).rows()


def _keyed(store: Store, row: type[R], table: str, column: str, values: list[str]) -> list[R]:
    """Rows of a table with one of the values in a column."""
    return TypedTable(row, store.read_keys(table, column, values, _columns(row))).rows()


def _columns(row: type) -> list[str]:
    return [f.name for f in fields(row)]


def _verdicts_now(corpus: Corpus) -> dict[str, str]:
    """Verdict and reasons of every decision that holds, by decision_id."""
    decisions = corpus.decisions(without_duplicates=True).rows()
    return {d.decision_id: " ".join([d.verdict, *d.reasons]) for d in decisions}


def _standing(corpus: Corpus, assets: Iterable[AssetFacts]) -> dict[str, tuple[str, str | None]]:
    """What each of the assets' places holds now, and the place whose licence and stage hold for these bytes."""
    known = corpus.assets().table
    shas = pa.array(sorted({a.sha256 for a in assets}), pa.string())
    rows = TypedTable(CurrentAsset, known.filter(pc.is_in(known["sha256"], shas))).rows()
    speaks = {row.sha256: row.uri for row in rows if row.primary}
    return {row.uri: (row.sha256, speaks.get(row.sha256)) for row in rows}


def _published(store: Store, spans: set[str]) -> Iterator[PublishedFacts]:
    """Every release and view that holds one of the spans."""
    for name in releases.names(store):
        release = releases.load(store, name)
        for view in release.views:
            if inside := spans & releases.row_digests(store, release, view).keys():
                yield PublishedFacts(name, view, sorted(inside))
