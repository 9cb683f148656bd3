"""`handwheel why`: several attempts of one name, and ids that an attempt had."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.storage.tables import Store
from orchestration.cli import main
from schemas import Episode, Reject
from schemas.arrow import rows_of
from schemas.errors import UsageError
from schemas.keys import episode_key
from tests.support.corpus import HOSTILE, SPANS, corpus

NAME = "episode_000003"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A corpus with NAME in five data sets; that of `set_0` was read twice, before under another id."""
    store = corpus(tmp_path / "corpus")
    (one, *_) = rows_of(Episode, store.read("episodes"))
    rows = [
        replace(
            one, episode_row_id=f"{i} {reading}", episode_id=episode_key(f"set_{i}", NAME), namespace=f"set_{i}",
            name=NAME, uri=f"/data/set_{i}/{i}.parquet", reading=reading, revision=f"{reading}",
            earlier_id="old" if not reading else None, copy_of=episode_key("set_0", NAME) if i == 4 else None,
        )
        for i in range(5)
        for reading in ((0, 1) if i == 0 else (1,))
    ]  # fmt: skip
    store.insert("episodes", rows, run_id="r")
    return store


def why(store: Store, subject: str, *words: str) -> str:
    done = CliRunner().invoke(main.app, ["why", subject, "--root", store.root, *words])
    assert done.exit_code == 0, done.exception
    return done.stdout


def told(store: Store, subject: str) -> dict[str, Any]:
    return dict(json.loads(why(store, subject, "--json")))


def test_a_name_of_five_attempts_lists_them_and_asks_which(store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        said = told(store, NAME)
    ids = [episode_key(f"set_{i}", NAME) for i in range(5)]
    assert [(e["episode_id"], e["namespace"]) for e in said["episodes"]] == [
        (key, f"set_{i}") for i, key in enumerate(ids)
    ]
    assert "5 attempts are called" in said["which"]
    text = why(store, NAME)
    assert all(f"{key}  set_{i}/{NAME}" in text for i, key in enumerate(ids))
    assert f"(copy of {ids[0]})" in text


@pytest.mark.parametrize("subject", ["old", episode_key("set_0", NAME), f"set_0/{NAME}", "/data/set_0/0.parquet"])
@pytest.mark.slow
def test_an_earlier_id_finds_what_the_attempt_is_now(store: Store, subject: str) -> None:
    episodes = told(store, subject)["episodes"]
    assert [(e["reading"], e["earlier_id"]) for e in episodes] == [(1, None), (0, "old")]


@pytest.mark.slow
def test_what_a_reader_of_an_attempt_should_know_is_among_its_facts(store: Store) -> None:
    (one,) = (row for row in rows_of(Episode, store.read("episodes")) if row.namespace == "set_1")
    noted = replace(one, episode_row_id="noted", reading=2, notes=[{"code": "motion_lag", "detail": "front: 1 frame"}])
    store.insert("episodes", [noted], run_id="r")
    assert told(store, one.episode_id)["episodes"][0]["notes"] == [{"code": "motion_lag", "detail": "front: 1 frame"}]
    assert "  motion lag: front: 1 frame\n" in why(store, one.episode_id)


@pytest.mark.slow
def test_what_an_attempt_is_taken_without_is_among_its_rows(store: Store) -> None:
    rejects = [
        Reject(
            reject_id=f"{i}", subject=f"{i}", uri="/data/set_1/1.parquet", stage="fold", recipe="r", reason=reason,
            detail=detail, run_id="r",
        )
        for i, (reason, detail) in enumerate([
            ("depth_camera", f"{NAME}/camera depth: distances"),
            ("depth_camera", "episode_000004/camera depth: distances"),
            ("orphan_files", "videos: 2 videos that no episode names"),
        ])
    ]  # fmt: skip
    store.insert("rejects", rejects, run_id="r")
    for set_, expected in ((1, ["depth_camera"]), (2, [])):
        assert [r["reason"] for r in told(store, episode_key(f"set_{set_}", NAME))["rejects"]] == expected


@pytest.mark.slow
def test_the_end_of_a_path_is_enough_and_of_several_it_asks(tmp_path: Path) -> None:
    store = corpus(tmp_path / "corpus")
    assert why(store, "kitchen") == why(store, "kitchen.mp4") == why(store, "ego/kitchen.mp4")
    assert why(store, "page").startswith("ego/page.mp4: refused by ingest, html page. a web page, not a video")
    (hostile,) = (uri for uri in SPANS if HOSTILE in uri)
    assert why(store, HOSTILE).startswith(f"{hostile}: ")
    log = store.read("episodes", ["uri"])["uri"][0].as_py()
    refused = replace(rows_of(Reject, store.read("rejects"))[0], reject_id="r", uri="web/kitchen.mov")
    store.insert("rejects", [refused], run_id="r")
    several = why(store, "kitchen")
    assert several.splitlines()[1:] == ["  ego/kitchen.mp4", "  web/kitchen.mov"]
    assert json.loads(why(store, "kitchen", "--json"))["places"] == ["ego/kitchen.mp4", "web/kitchen.mov"]
    assert log in why(store, log)
    done = CliRunner().invoke(main.app, ["why", "itchen", "--root", store.root])
    assert isinstance(done.exception, UsageError)


@pytest.mark.parametrize("name", ["dog.mp4\x1b[2J", "dog \u202e.mp4", "dog\r.mp4"])
@pytest.mark.slow
def test_a_name_does_not_steer_the_terminal(tmp_path: Path, name: str) -> None:
    store = corpus(tmp_path / "corpus")
    row = replace(rows_of(Reject, store.read("rejects"))[0], reject_id="r", uri=f"web/{name}")
    store.insert("rejects", [row], run_id="r")
    assert all(c.isprintable() or c == "\n" for c in why(store, f"web/{name}"))


@pytest.mark.slow
def test_the_default_says_what_holds_and_all_says_everything(store: Store) -> None:
    held = why(store, episode_key("set_0", NAME))
    assert held.startswith(f"attempt set_0/{NAME}: success, ")
    assert held.count("attempt ") == 1
    assert why(store, episode_key("set_0", NAME), "--all").count("episode_id") == 2
    copy = why(store, "set_4/" + NAME)
    assert f"a copy of attempt {episode_key('set_0', NAME)}, which counts in its place" in copy
