"""The engine of `handwheel migrate`: steps in order, leases held, nothing written by a rehearsal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import lance
import pyarrow as pa
import pytest

from infra.storage.corpus_version import Stamp, put_stamp, read_stamp
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.migrate.engine import migrate
from pipelines.migrate.rewrite import SAME_KEY
from schemas.errors import LeaseHeld, UsageError
from schemas.keys import key_of
from schemas.migrations import SCHEMA, STEPS, Change, Mapped, Step
from schemas.migrations.step import MapRows
from tests.support.corpus import corpus
from tests.support.old_corpora import unpack


def run_of(store: Store) -> Run:
    return Run(store, "migrating")


def test_steps_lead_from_one_schema_to_the_next() -> None:
    assert [s.from_version for s in STEPS] == list(range(1, SCHEMA))
    assert all(s.to_version == s.from_version + 1 for s in STEPS)
    assert all(len({c.table for c in s.changes}) == len(s.changes) for s in STEPS)


def shouted(others: Mapping[str, pa.Table]) -> MapRows:
    """A step's map for these tests: captions in capitals under new keys, and as many clips as there are."""
    clips = others["clips"].num_rows

    def rows_of(rows: pa.Table) -> Mapped:
        kept = [r for r in rows.to_pylist() if r["kind"] != "L5"]
        plain = [r | {"caption_id": key_of(r["caption_id"]), "text": f"{r['text'].upper()} {clips}"} for r in kept]
        return Mapped(pa.Table.from_pylist(plain, schema=rows.schema), {"long": rows.num_rows - len(kept)})

    return rows_of


def same(others: Mapping[str, pa.Table]) -> MapRows:
    """Another: every row under one key."""
    del others
    key = pa.array(["one"], pa.string())
    return lambda rows: Mapped(
        rows.set_column(0, rows.schema.field(0), pa.concat_arrays([key] * rows.num_rows) if rows.num_rows else key[:0])
    )


LATER = (
    *STEPS,
    Step(SCHEMA, SCHEMA + 1, (Change("captions", shouted, {"clips": ("clip_id",)}),)),
    Step(SCHEMA + 1, SCHEMA + 2, (Change("rejects", same), Change("triggers", same))),
)


def test_later_steps_follow_one_another_and_count_what_has_no_new_row(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    said = store.read("captions").to_pylist()
    long = sum(r["kind"] == "L5" for r in said)
    assert long > 0
    done = migrate(run_of(store), ("media",), steps=LATER)
    (captions,), (rejects,) = done.steps[SCHEMA + 1], done.steps[SCHEMA + 2]
    assert captions.unmapped == {"long": long}
    assert (captions.rows, captions.old_rows) == (len(said) - long, len(said))
    clips = store.read("clips", ["clip_id"]).num_rows
    new = {r["caption_id"]: r["text"] for r in store.read("captions").to_pylist()}
    assert new == {key_of(r["caption_id"]): f"{r['text'].upper()} {clips}" for r in said if r["kind"] != "L5"}
    assert rejects.unmapped == {SAME_KEY: rejects.old_rows - 1}
    assert store.read("rejects").num_rows == 1
    assert read_stamp(store.root)[0].schema == SCHEMA + 2
    then = lance.dataset(store.uri("captions"), version=f"schema-{SCHEMA}").to_table()
    assert then.to_pylist() == said
    with pytest.raises(UsageError, match=f"schema {SCHEMA + 2}, made by a newer handwheel"):
        migrate(run_of(store), ("media",))
    assert migrate(run_of(store), ("media",), steps=LATER).steps == {}


@pytest.mark.slow
def test_a_table_can_be_written_after_it_was_rewritten(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    migrate(run_of(store), (), steps=LATER[:-1])
    one = store.read("captions").slice(0, 1).to_pylist()
    assert store.insert("captions", one, run_id="again") == 0
    assert store.insert("captions", [one[0] | {"caption_id": "new"}], run_id="again") == 1


def test_a_rehearsal_says_the_same_and_writes_nothing(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    store, before = Store(str(root)), sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*"))
    rehearsed = migrate(run_of(store), ("media",), dry_run=True)
    assert sorted((p, p.stat().st_mtime_ns) for p in tmp_path.rglob("*")) == before
    done = migrate(run_of(store), ("media",))
    told = [[(t.table, t.old_rows, t.rows, t.unmapped) for t in m.steps[2]] for m in (rehearsed, done)]
    assert told[0] == told[1]
    assert [t[0] for t in told[0]] == ["assets", "marks", "duplicates", "decisions"]


@pytest.mark.parametrize("name", ["media", "look", "keep"])
def test_a_hop_that_writes_keeps_it_waiting_and_one_of_an_earlier_program_too(tmp_path: Path, name: str) -> None:
    store = Store(str(unpack("84c527d", tmp_path)))
    with run_of(store).lease_of(name), pytest.raises(LeaseHeld):
        migrate(Run(store, "other"), ("media",))
    assert read_stamp(store.root) == (None, "")


def test_a_hop_that_was_waiting_finds_that_the_corpus_was_migrated(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    migrate(run_of(store), (), steps=LATER)
    with pytest.raises(UsageError, match="newer handwheel"), run_of(store).hold("media"):
        pytest.fail("the hop began")


def test_a_schema_from_which_no_step_leads_is_refused(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    put_stamp(store.root, Stamp(0), "")
    with pytest.raises(UsageError, match="schema 0, from which no step leads"):
        migrate(run_of(store), ())
