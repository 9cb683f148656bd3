"""The command: its words, its log, its key, and what can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.rules import DAY_NS
from orchestration.trigger.sinks.base import Event
from orchestration.trigger.sinks.command import arguments
from schemas.errors import UsageError
from tests.support.triggers import START_NS, publish_rows, read_calls, recorder, release, run_on, run_trigger


def test_command_gets_the_pin_once_and_a_second_look_adds_nothing(tmp_path: Path) -> None:
    root = tmp_path / "a corpus"
    store = publish_rows(root, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(command=recorder(tmp_path))
    done = run_trigger(run_on(root), options)
    pin = f"{root}/pins/2026-11-21.1.pin"
    (shot,) = done.triggers
    assert shot == {"rule": "first", "key": shot["key"], "release": "2026-11-21.1"}
    assert read_calls(tmp_path) == [[pin, "world_model first", "{nothing}", shot["key"]]]
    assert (root / "logs" / "triggers" / f"{shot['key']}.log").read_text() == "training\n"
    assert done.added == {"triggers": 2}
    version = store.version("triggers")
    again = run_trigger(run_on(root, START_NS + DAY_NS), options)
    assert (again.added, again.triggers, again.undelivered) == ({}, [], [])
    assert store.version("triggers") == version
    assert len(read_calls(tmp_path)) == 1


def test_a_command_that_says_nothing_is_not_given_the_last_words_of_an_earlier_try(tmp_path: Path) -> None:
    publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    first = run_trigger(run_on(tmp_path), TriggerOptions(command=("sh", "-c", "echo no disk; exit 1")))
    assert "sh exited 1: no disk; its output" in first.notes[0]
    again = run_trigger(run_on(tmp_path), TriggerOptions(command=("false",)))
    assert "false exited 1; its output" in again.notes[0]


def test_a_shell_quoted_command_is_split_once_and_filled_in_afterwards() -> None:
    event = Event("k", "first", "world_model", "r {key}", "/a b/$(id).pin", "/a b", "why", 0)
    assert arguments("python 'my train.py' --pin={pin} {release}", event) == [
        "python", "my train.py", "--pin=/a b/$(id).pin", "r {key}",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"trigger\.command"):
        arguments("python 'open", event)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (("no-such-trainer",), "no-such-trainer: No such file"),
        (("sleep", "60"), "ran past"),
        (("sh", "-c", "echo a; echo 'no such pin' >&2; echo; exit 7"), "sh exited 7: no such pin; its output"),
    ],
)
def test_what_can_be_wrong_with_a_command_is_said(tmp_path: Path, command: tuple[str, ...], words: str) -> None:
    publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    done = run_trigger(run_on(tmp_path), TriggerOptions(command=command, command_timeout_s=0.3))
    assert words in done.notes[0]
    assert done.undelivered
