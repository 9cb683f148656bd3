"""`handwheel migrate`: what it prints, for people and for programs."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from orchestration.cli import main
from orchestration.turn import HOPS
from pipelines.migrate.engine import FORMER_LEASES
from schemas import SIGNALS
from schemas.errors import UsageError
from schemas.migrations import SCHEMA
from tests.support.old_corpora import unpack

# Signals whose columns the corpus of 84c527d has; that of bcc87f2 has text_share too. Later ones are gained by both.
FIRST_SIGNALS = ("sharpness", "brightness", "motion", "camera_motion", "freeze_share", "border_share")
GAINED = [signal.name for signal in SIGNALS if signal.name not in FIRST_SIGNALS]
LATER = [name for name in GAINED if name != "text_share"]


def run(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main.app, [*words, "--root", str(root)])


def test_it_says_what_it_would_do_does_it_and_says_that_it_is_done(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    refused = run(root, "ledger").exception
    assert isinstance(refused, UsageError)
    assert "run `handwheel migrate`" in str(refused)
    would = run(root, "migrate", "--dry-run").output
    assert "schema 1 -> 2" in would
    assert "decisions  6 of 8 rows would be rewritten; old ones: version 2, tag schema-1" in would
    assert "2 have no new row: places of their recording state different stages or licences" in would
    assert "run `handwheel migrate` without --dry-run" in would
    done = run(root, "migrate").output
    first = would.replace("would be ", "").splitlines()[:-1]
    assert done.splitlines()[: len(first)] == first
    assert "episodes   2 of 2 rows rewritten; old ones: version 2, tag schema-2" in done
    assert f"clips      gains {', '.join(GAINED)}" in done
    assert f"is of schema {SCHEMA} now; go on with `handwheel turn`" in done
    assert "nothing to do" in run(root, "migrate").output
    assert run(root, "ledger").exit_code == 0


def test_json_has_the_same(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    told = json.loads(run(root, "migrate", "--json").stdout)
    assert (told["from_version"], told["to_version"], told["dry_run"]) == (1, SCHEMA, False)
    assert [t["table"] for t in told["steps"]["2"]] == ["assets", "marks", "duplicates", "decisions"]
    assert "text_share" in GAINED
    assert told["added"]["clips"] == GAINED
    assert set(told["added"]) == {"assets", "clips", "episodes", "steps"}


def test_an_empty_place_and_a_corpus_that_was_migrated_have_nothing_to_do(tmp_path: Path) -> None:
    assert "nothing to do" in run(tmp_path / "nothing", "migrate", "--dry-run").output
    assert not (tmp_path / "nothing").exists()
    root = unpack("bcc87f2", tmp_path)
    told = json.loads(run(root, "migrate", "--json").stdout)
    assert list(told["steps"]) == ["3"]
    assert told["added"].get("clips", []) == LATER
    assert "nothing to do" in run(root, "migrate").output


def test_the_leases_of_hops_that_had_another_name_are_held_too() -> None:
    assert {hop.alias for hop in HOPS if hop.alias} <= set(FORMER_LEASES)
