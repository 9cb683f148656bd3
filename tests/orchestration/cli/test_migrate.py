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
    assert done.splitlines()[:-2] == would.replace("would be ", "").splitlines()[:-1]
    assert f"clips      gains {', '.join(GAINED)}" in done
    assert "is of schema 2 now; go on with `handwheel turn`" in done
    assert "nothing to do" in run(root, "migrate").output
    assert run(root, "ledger").exit_code == 0


def test_json_has_the_same(tmp_path: Path) -> None:
    root = unpack("84c527d", tmp_path)
    told = json.loads(run(root, "migrate", "--json").stdout)
    assert (told["from_version"], told["to_version"], told["dry_run"]) == (1, 2, False)
    assert [t["table"] for t in told["steps"]["2"]] == ["assets", "marks", "duplicates", "decisions"]
    assert "text_share" in GAINED
    assert told["added"] == {"clips": GAINED}


def test_an_empty_place_and_a_corpus_of_today_have_nothing_to_do(tmp_path: Path) -> None:
    assert "nothing to do" in run(tmp_path / "nothing", "migrate", "--dry-run").output
    assert not (tmp_path / "nothing").exists()
    root = unpack("bcc87f2", tmp_path)
    told = json.loads(run(root, "migrate", "--json").stdout)
    assert (told["steps"], told["added"]) == ({}, {"clips": LATER} if LATER else {})
    assert "nothing to do" in run(root, "migrate").output


def test_the_leases_of_hops_that_had_another_name_are_held_too() -> None:
    assert {hop.alias for hop in HOPS if hop.alias} <= set(FORMER_LEASES)
