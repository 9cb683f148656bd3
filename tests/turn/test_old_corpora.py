"""Corpora of earlier commits take their next turn unharmed: nothing is lost, nothing is made twice."""

from __future__ import annotations

from pathlib import Path

import lance
import pytest
from typer.testing import CliRunner

from infra.storage.corpus_version import check, read_stamp
from infra.storage.tables import Store
from orchestration.cli import main
from orchestration.config import load
from orchestration.turn import HOPS, recipe
from pipelines.corpus import releases
from pipelines.corpus.episodes import latest_episodes
from pipelines.corpus.ledger import ledger
from pipelines.hop import Run
from pipelines.migrate.engine import migrate
from schemas import TABLES
from schemas.arrow import key_column
from schemas.errors import UsageError
from schemas.keys import key_of
from schemas.migrations import SCHEMA
from tests.fixtures.corpora.make import SETTINGS
from tests.support.old_corpora import SCHEMA_OF, handwheel, told, unpack

LEASES = sorted({hop.lease for hop in HOPS})
READING = (["ledger"], ["why", "input/ego/take.mp4"], ["release", "list"], ["release", "verify", "2026-12-01.1"])


def keys(store: Store, table: str) -> list[str]:
    return sorted(map(str, store.read(table, [key_column(TABLES[table])]).column(0).to_pylist()))


def refusal(root: Path, *words: str) -> BaseException | None:
    """What a command ends with."""
    return CliRunner().invoke(main.app, [*words, "--root", str(root)]).exception


def test_every_earlier_schema_has_a_corpus() -> None:
    assert set(SCHEMA_OF.values()) == set(range(1, SCHEMA))


@pytest.mark.slow
def test_a_corpus_of_schema_2_reads_its_logs_once_more_and_has_no_attempt_twice(tmp_path: Path) -> None:
    """Where a version or a limit is another one than then, the turn may add rows of the new one beside the old."""
    root = unpack("bcc87f2", tmp_path)
    store, config = Store(str(root)), load(None, SETTINGS, str(root))
    (name,), before = releases.names(store), store.read("episodes").to_pylist()
    with pytest.raises(UsageError, match="schema 2"):
        check(store)
    assert read_stamp(str(root)) == (None, "")  # a reading command writes nothing
    told(root, "migrate")
    turned = told(root, "turn")
    assert turned["added"]["episodes"] == len(before) == 2
    now = latest_episodes(store)
    assert {(e.namespace, e.name, e.reading) for e in now} == {("logs", e["name"], 1) for e in before}
    assert [e.outcome for e in now] == [next(o["outcome"] for o in before if o["name"] == e.name) for e in now]
    assert all(store.read("steps", where=f"steps_id = '{e.steps_id}'").num_rows == e.frame_count for e in now)
    for old in before:
        facts = told(root, "why", old["episode_id"])["episodes"]
        assert [(e["reading"], e["earlier_id"]) for e in facts] == [(1, None), (0, old["episode_id"])]
    assert told(root, "turn")["added"] == {}
    assert releases.verify(store, name).files
    account, _ = ledger(store, recipe(config), config.policy.digest)
    assert account.unbalanced_ns() == 0


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of a corpus of schema 1, migrated."""
    root = unpack("84c527d", tmp_path_factory.mktemp("old"))
    migrate(Run(Store(str(root)), "run"), LEASES)
    return root


@pytest.mark.slow
def test_a_corpus_of_schema_1_is_refused_in_one_line_by_reading_and_writing_commands(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    before = sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*"))
    done = handwheel(root, "turn")
    assert done.returncode == 2
    for line in [*done.stderr.splitlines(), *(str(refusal(root, *words)) for words in READING)]:
        assert f"schema 1, this program reads {SCHEMA}: run `handwheel migrate`" in line
    assert sorted((p, p.stat().st_mtime_ns) for p in root.rglob("*")) == before


def test_its_release_verifies_and_its_tables_are_there_as_they_were(migrated: Path) -> None:
    store = Store(str(migrated))
    (name,) = releases.names(store)
    assert releases.verify(store, name).files
    for table, version in releases.load(store, name).inputs.items():
        dataset = lance.dataset(store.uri(table), version=f"release-{name}")
        assert dataset.version == version
        assert store.read(table, version=version).num_rows == dataset.count_rows() > 0
    then = store.at(releases.load(store, name).inputs)
    assert then.read("postings").num_rows == 0
    assert set(then.read("decisions")["clip_row_id"].to_pylist()) == {None}


def test_keys_of_schema_2_are_of_the_rows_own_columns(migrated: Path) -> None:
    store = Store(str(migrated))
    for row in store.read("assets").to_pylist():
        robot = ["robot"] if row["stage"] == "robot" else []
        assert row["asset_id"] == key_of(row["uri"], row["revision"], row["recipe"], *robot)
        assert (row["redaction"] is not None) == (row["stage"] == "ego" or row["uri"].endswith("same_bytes.mp4"))
        hidden = sum(s["end_ns"] - s["start_ns"] for s in row["redacted"])
        assert (hidden > 0) == row["uri"].endswith("hidden.mp4")
    for row in store.read("decisions").to_pylist():
        rests = (row["clip_row_id"], row["stage"], row["licence"])
        assert row["decision_id"] == key_of(row["span_id"], *rests, row["policy"])


def test_what_cannot_be_mapped_is_counted_and_stays_in_the_old_version(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    store = Store(str(root))
    before = {table: keys(store, table) for table in TABLES}
    tables, later = migrate(Run(store, "run"), LEASES).steps.values()
    assert [(found.table, found.unmapped) for found in later] == [("episodes", {})]
    for found in tables:
        assert found.old_rows == len(before[found.table])
        assert found.rows + sum(found.unmapped.values()) == found.old_rows
        old = lance.dataset(store.uri(found.table), version="schema-1")
        assert sorted(old.to_table().column(0).to_pylist()) == before[found.table]
    (decisions,) = (found for found in tables if found.table == "decisions")
    assert sum(decisions.unmapped.values()) == 2  # both clips of the bytes that lie at two places
    untouched = set(TABLES) - {found.table for found in [*tables, *later]}
    assert all(keys(store, table) == before[table] for table in untouched)


@pytest.mark.slow
def test_the_next_turn_decodes_anew_and_the_one_after_it_nothing(migrated: Path) -> None:
    store = Store(str(migrated))
    old, rejects = releases.names(store), keys(store, "rejects")
    turned = told(migrated, "turn")
    assert turned["added"]["clips"] >= 8
    assert turned["added"]["decisions"] >= 8
    assert set(rejects) <= set(keys(store, "rejects"))
    (hidden,) = store.read("assets", where=f"uri like '%hidden%' and run_id = '{turned['run_id']}'").to_pylist()
    assert hidden["redacted"]
    again = told(migrated, "turn")
    assert again["added"] == {}
    for name in [*old, *releases.names(store)]:
        assert releases.verify(store, name).files
