"""`handwheel why`: the life of a clip, asset or episode, from the tables."""

from __future__ import annotations

from typing import Any

from infra.storage.tables import Store
from pipelines.corpus import releases as files
from pipelines.corpus.corpus import Corpus
from schemas.errors import UsageError

Row = dict[str, Any]
# Table, the columns that an id may stand in, and the columns worth telling.
PLACES = (
    ("assets", ("asset_id", "sha256", "uri"), ("uri", "stage", "licence", "codec", "duration_ns", "sha256", "run_id")),
    ("rejects", ("subject", "uri"), ("uri", "stage", "reason", "detail", "run_id")),
    ("clips", ("clip_id", "sha256"), ("clip_id", "sha256", "start_ns", "end_ns", "cutter", "sharpness", "brightness",
                                      "motion", "camera_motion", "freeze_share", "text_share",
                                      "damaged_frames", "redaction", "redaction_state")),
    ("decisions", ("span_id", "clip_id", "sha256"), ("decision_id", "span_id", "clip_id", "sha256", "start_ns",
                                                     "end_ns", "verdict", "reasons", "hand_share", "bimanual", "stage",
                                                     "licence", "policy")),
    ("duplicates", ("clip_a", "clip_b"), ("clip_a", "clip_b", "kind", "offset_ns", "overlap_ns", "distance")),
    ("captions", ("span_id", "sha256"), ("span_id", "kind", "text", "model")),
    ("episodes", ("episode_id", "name", "uri"), ("episode_id", "name", "uri", "embodiment", "instruction", "outcome",
                                                 "failure_mode", "frame_count", "cameras")),
)  # fmt: skip


def life(store: Store, subject: str, recipe: str, policy: str) -> dict[str, list[Row]]:
    """Rows that name the subject, and what descends from them. UsageError when nothing does.

    A decision is told with `now`: what ledger, report and publish take it for under this recipe and policy (digests).
    """
    found: dict[str, list[Row]] = {}
    for table, columns, told in PLACES:
        where = " or ".join(f"{c} = '{_quote(subject)}'" for c in columns)
        found[table] = store.read(table, list(told), where).to_pylist()
    if not any(found.values()):
        raise UsageError(
            f"{subject!r} is no clip, span, asset, sha256, URI or episode here; try `handwheel ledger --by asset`"
        )
    for sha in {a["sha256"] for a in found["assets"]} | {s["sha256"] for e in found["episodes"] for s in e["cameras"]}:
        for table in ("clips", "decisions"):
            told = next(t for name, _, t in PLACES if name == table)
            known = [r for r in found[table] if r["sha256"] == sha]
            found[table] += [] if known else store.read(table, list(told), f"sha256 = '{sha}'").to_pylist()
    if not found["assets"]:
        shas = sorted({r["sha256"] for t in ("clips", "decisions") for r in found[t]})
        found["assets"] = store.read_keys("assets", "sha256", shas, list(PLACES[0][2])).to_pylist()
    clips = sorted({r["clip_id"] for t in ("clips", "decisions") for r in found[t]})
    for side in ("clip_a", "clip_b"):
        more = store.read_keys("duplicates", side, clips, list(PLACES[4][2])).to_pylist()
        found["duplicates"] += [r for r in more if r not in found["duplicates"]]
    spans = {d["span_id"] for d in found["decisions"]}
    found["captions"] = store.read_keys("captions", "span_id", sorted(spans), list(PLACES[5][2])).to_pylist()
    found["releases"] = _releases(store, spans)
    now = _verdicts_now(store, recipe, policy) if found["decisions"] else {}
    found["decisions"] = [
        {k: v for k, v in d.items() if k != "decision_id"} | {"now": now.get(d["decision_id"], "superseded")}
        for d in found["decisions"]
    ]
    return found


def _verdicts_now(store: Store, recipe: str, policy: str) -> dict[str, str]:
    """Verdict and reasons of every decision that holds, by decision_id."""
    decisions = Corpus(store, recipe, policy).decisions(without_duplicates=True).rows()
    return {d.decision_id: " ".join([d.verdict, *d.reasons]) for d in decisions}


def _quote(text: str) -> str:
    return text.replace("'", "''")


def _releases(store: Store, spans: set[str]) -> list[Row]:
    """Every release and view that holds one of the spans."""
    rows = []
    for name in files.names(store):
        release = files.load(store, name)
        for view in release.views:
            inside = spans & files.row_digests(store, release, view).keys()
            rows += [{"release": name, "view": view, "clips": sorted(inside)}] if inside else []
    return rows


def as_text(found: dict[str, list[Row]]) -> str:
    """A life for people: a line a fact."""
    lines = []
    for table, rows in found.items():
        for row in rows:
            facts = ", ".join(f"{k} {_plain(k, v)}" for k, v in row.items() if v not in (None, [], ""))
            lines.append(f"{table:>10}  {facts}")
    return "\n".join(lines)


def _plain(name: str, value: Any) -> str:
    return f"{value / 1e9:.3f} s" if name.endswith("_ns") else str(value)
