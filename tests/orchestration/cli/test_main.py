"""The command: verbs, exit codes, and --json alone on stdout, over one real turn of a tiny corpus."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from orchestration.cli import main, options
from orchestration.cli.later import LATER
from orchestration.turn import HOPS
from tests.support.media import shot, write
from tests.support.robot_logs import write_plain, write_video

Command = Callable[..., tuple[int, str, str]]


VERBS = [
    *(hop.name for hop in HOPS),
    "init",
    "turn",
    "release",
    "takedown",
    "ledger",
    "why",
    "gc",
    "audit",
    "sim",
    "serve",
    "doctor",
]
OF_RELEASE = ("list", "show", "diff", "verify", "pin", "export", "report")


def test_hops_that_had_other_names_answer_to_them_without_telling(handwheel: Command) -> None:
    _, out, _ = handwheel("--help")
    for hop in (hop for hop in HOPS if hop.alias):
        assert f" {hop.alias} " not in out
        code, told, _ = handwheel(str(hop.alias), "--help")
        assert (code, hop.alias in told) == (0, True)


def test_world_is_a_name_of_sim_that_help_does_not_list(handwheel: Command) -> None:
    _, out, _ = handwheel("--help")
    assert (" sim " in out, " world " in out.replace("world model", "")) == (True, False)
    code, help_text, _ = handwheel("world", "--help")
    assert (code, "--clips" in help_text) == (0, True)


def test_every_verb_of_the_design_is_there(handwheel: Command) -> None:
    commands = {c.name or (c.callback.__name__ if c.callback else "") for c in main.app.registered_commands}
    assert set(VERBS) - {"release", "audit"} <= commands
    assert set(OF_RELEASE) == {c.name or "" for c in main.releases.registered_commands}
    code, out, _ = handwheel("--help")
    assert code == 0
    assert all(verb in out for verb in VERBS)


@pytest.mark.parametrize("verb", sorted(LATER))
def test_what_is_not_built_yet_says_so_in_one_line(handwheel: Command, verb: str) -> None:
    argv = {
        "export": ("release", "export", "2026-01-01.1", "--to", "mds", "out"),
        "takedown": ("takedown", "--wearer", "w"),
        "gc": ("gc", "--dry-run"),
    }  # fmt: skip
    code, out, err = handwheel(*argv[verb])
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1)
    assert "is not built yet" in err


@pytest.mark.parametrize(
    "argv",
    [
        ("turn", "--set", "publish.nope=1"),
        ("ledger", "--config", "nowhere.toml"),
        ("ledger", "--by", "moon"),
        ("why", "nothing-of-this-name"),
        ("release", "show", "2026-01-01.1"),
        ("release", "verify", "2026-01-01.1"),
    ],
)
def test_wrong_use_ends_in_one_line_and_exit_2(
    handwheel: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = handwheel(*argv)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("handwheel: ")


def test_an_unknown_verb_or_option_is_exit_2(handwheel: Command) -> None:
    assert handwheel("fly")[0] == 2
    assert handwheel("turn", "--faster")[0] == 2


def test_init_writes_a_file_once_and_it_loads(handwheel: Command, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    code, out, err = handwheel("init", str(folder))
    assert (code, out) == (0, "")
    assert "handwheel.toml is written" in " ".join(err.split())
    assert options.load(folder / "handwheel.toml", None, None).root == str(folder / "corpus")
    before = (folder / "handwheel.toml").read_text()
    assert handwheel("init", str(folder))[0] == 2
    assert (folder / "handwheel.toml").read_text() == before
    code, out, _ = handwheel("ledger", "--config", str(folder / "handwheel.toml"), "--json")
    assert (code, json.loads(out)["input_s"]) == (0, 0.0)


def test_doctor_tells_what_is_here_and_how_to_mend_the_rest(handwheel: Command) -> None:
    code, out, _ = handwheel("doctor", "--json")
    checks = {c["name"]: c for c in json.loads(out)["checks"]}
    assert code == (0 if all(c["ok"] for c in checks.values() if c["needed"]) else 2)
    assert checks["python 3.11"]["ok"]
    assert checks["ffmpeg"]["seen"].startswith("ffmpeg version")
    assert all(c["mend"] for c in checks.values() if not c["ok"])
    _, text, _ = handwheel("doctor")
    assert all(name in text for name in checks)


# One turn, in a process of its own, whose engines print what they like.


def _process(folder: Path, *argv: str) -> tuple[int, str, str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    command = [sys.executable, "-m", main.__name__, *argv, "--config", str(folder / "handwheel.toml")]
    done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder after its first turn, and what `turn --json` said."""
    from infra.models.weights import hand_weights
    from schemas.errors import TransientError

    try:
        hand_weights()
    except TransientError as e:
        pytest.skip(f"no hand detector's weights here: {e}")
    folder = tmp_path_factory.mktemp("turned")
    (folder / "media").mkdir()
    write(folder / "media" / "two.mp4", [*shot(1, 15), *shot(2, 20)])
    (folder / "media" / "page.mp4").write_text("<html>")
    rng = np.random.default_rng(0)
    for i, name in enumerate(("fine", "failed")):
        header = {"success": name == "fine"}
        write_plain(folder / "logs", name, rng.normal(size=(15, 3)), rng.normal(size=(15, 2)) + i, header, video=False)
        write_video(folder / "logs" / f"{name}.mp4", 15, size=(64, 48 + 16 * i))
    (folder / "handwheel.toml").write_text(
        '[[source]]\nkind = "folder"\nuri = "media"\nstage = "ego"\n'
        '[[robot]]\nkind = "plain_log"\nuri = "logs"\n[engines.ray]\nworkers = 1\n'
    )
    code, out, err = _process(folder, "turn", "--json")
    assert code == 0, err
    return folder, json.loads(out)


def test_json_is_one_object_and_nothing_else_on_stdout(turned: tuple[Path, dict[str, Any]]) -> None:
    _, said = turned
    assert set(said) >= {"run_id", "added", "versions", "release", "pin", "triggers"}
    assert said["added"]["assets"] == 3
    assert said["added"]["episodes"] == 2
    assert said["added"]["hands"] == 2
    assert said["added"]["releases"] == 1
    assert Path(said["pin"]).is_file()


def test_without_a_config_there_is_nothing_to_do(handwheel: Command, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = handwheel("turn")
    assert (code, "no handwheel.toml here" in err) == (2, True)
    assert not list(tmp_path.iterdir())
    code, out, _ = handwheel("--version")
    assert (code, out.split()[0]) == (0, "handwheel")


@pytest.mark.slow
def test_a_turn_ends_with_what_matters(turned: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, first = turned
    mine = tmp_path / "mine"
    shutil.copytree(folder / "corpus", mine)
    code, _, err = _process(folder, "turn", "--set", "publish.val_share=0.5", "--root", str(mine))
    assert code == 0, err
    seconds, since, release, report = err.splitlines()[-4:]
    assert seconds.startswith("6.5 s in: ")
    assert "refused" in seconds
    assert since.startswith(f"since {first['release']}: 0 clips added")
    assert release.startswith("release ")
    assert Path(report.removeprefix("report ").removesuffix("  (open it in a browser)")).is_file()


def test_the_second_turn_adds_nothing_and_says_so(turned: tuple[Path, dict[str, Any]]) -> None:
    folder, first = turned
    code, out, err = _process(folder, "turn", "--json")
    again = json.loads(out)
    assert code == 0, err
    assert (again["added"], again["release"], again["triggers"]) == ({}, None, [])
    assert again["versions"] == first["versions"]


def test_the_ledger_adds_up(turned: tuple[Path, dict[str, Any]], handwheel: Command) -> None:
    config = str(turned[0] / "handwheel.toml")
    plain = json.loads(handwheel("ledger", "--config", config, "--json")[1])
    places = [plain[f"{p}_s"] for p in ("kept", "rejected", "quarantined", "unknown", "failed", "pending")]
    assert plain["input_s"] == pytest.approx(3.5 + 1.5 + 1.5)
    assert sum(places) == pytest.approx(plain["input_s"], abs=1e-6)
    listed = json.loads(handwheel("ledger", "--by", "asset", "--config", config, "--json")[1])["assets"]
    assert {Path(a["uri"]).name: a["input_s"] for a in listed} == {
        "two.mp4": 3.5, "page.mp4": 0, "fine.mp4": 1.5, "failed.mp4": 1.5,
    }  # fmt: skip
    assert "kept" in handwheel("ledger", "--config", config)[1]


def test_why_tells_the_life_of_whatever_is_named(turned: tuple[Path, dict[str, Any]], handwheel: Command) -> None:
    from infra.storage.tables import Store

    folder, said = turned
    store = Store(str(folder / "corpus"))
    config = str(folder / "handwheel.toml")

    def why(subject: str) -> dict[str, Any]:
        code, out, err = handwheel("why", subject, "--config", config, "--json")
        assert code == 0, err
        return dict(json.loads(out))

    episode = next(e for e in store.read("episodes").to_pylist() if e["name"] == "failed")
    for subject in (episode["episode_id"], "failed", episode["uri"]):
        life = why(subject)
        assert life["episodes"][0]["outcome"] == "failure"
        assert [Path(a["uri"]).name for a in life["assets"]] == ["failed.mp4"]
        assert {c["sha256"] for c in life["clips"]} == {episode["cameras"][0]["sha256"]}
        assert {r["release"] for r in life["releases"]} == {said["release"]}
    span = next(d for d in store.read("decisions").to_pylist() if d["sha256"] == episode["cameras"][0]["sha256"])
    assert why(span["span_id"])["decisions"][0]["verdict"] == span["verdict"]
    assert {c["clip_id"] for c in why(span["clip_id"])["clips"]} == {span["clip_id"]}
    life = why(str(folder / "media" / "two.mp4"))
    assert len(life["clips"]) == 2
    assert life["decisions"]
    assert life["releases"] == []
    assert why(str(folder / "media" / "page.mp4"))["rejects"][0]["reason"] == "html_page"
    assert why(f"{episode['namespace']}/failed")["episodes"] == why("failed")["episodes"]
    assert handwheel("why", "failed", "--config", config)[1].startswith("attempt logs/failed: failure, 15 frames of ")
    two, first, second, *_ = handwheel("why", "media/two", "--config", config)[1].splitlines()
    assert two == f"{folder / 'media' / 'two.mp4'}: 0.0 of 3.5 s kept: 3.5 s refused, no hands"
    assert first.startswith("  ego, 3.5 s, h264, no licence stated")
    assert second == "  0:00.0 to 0:01.5  refused, no hands. 0 of 6 samples show a hand; 2 are needed"


def test_release_verbs(turned: tuple[Path, dict[str, Any]], handwheel: Command, tmp_path: Path) -> None:
    folder, said = turned
    config, name = str(folder / "handwheel.toml"), said["release"]

    def told(*argv: str) -> dict[str, Any]:
        code, out, err = handwheel("release", *argv, "--config", config, "--json")
        assert code == 0, err
        return dict(json.loads(out))

    assert told("list") == {"releases": [name]}
    shown = told("show", name)
    assert (shown["name"], shown["parents"]) == (name, [])
    assert set(shown["views"]) >= {"wm_robot", "idm_so101_sim"}
    assert told("verify", name)["verified"] is True
    assert Path(told("pin", name)["pin"]).read_text() == told("pin", name)["text"]
    for argv in (("list",), ("show", name), ("verify", name), ("pin", name)):
        assert name in handwheel("release", *argv, "--config", config)[1]
    shard = max((folder / "corpus" / "releases" / name).rglob("*.lance"), key=lambda p: p.stat().st_size * p.is_file())
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    code, out, _ = handwheel("release", "verify", name, "--config", config, "--json")
    assert (code, out) == (4, "")
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    assert told("verify", name)["verified"] is True
    # A copy is what was asked for, not the place that the pin was written for.
    copy = tmp_path / "copy"
    shutil.copytree(folder / "corpus", copy)
    assert told("verify", name, "--root", str(copy))["root"] == str(copy)
    copied = copy / shard.relative_to(folder / "corpus")
    copied.write_bytes(bytes(data[:-1]))
    code, _, err = handwheel("release", "verify", name, "--config", config, "--root", str(copy))
    assert (code, str(copied.relative_to(copy / "releases" / name)) in err) == (4, True)
    assert told("verify", name)["verified"] is True
