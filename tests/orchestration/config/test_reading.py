"""handwheel.toml: what is wrong is said in one line with the key's name; paths are relative to the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration import config as configs
from orchestration.config import Config, load
from schemas.errors import UsageError


def _file(folder: Path, text: str | bytes) -> Path:
    path = folder / "handwheel.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


WRONG: dict[str, tuple[str | bytes, list[str]]] = {
    "rooot": ('rooot = "x"', []),
    "source.0.licennce": ('[[source]]\nkind = "folder"\nuri = "m"\nlicennce = "x"', []),
    "source.0.kind: Field required": ('[[source]]\nuri = "m"', []),
    "source.0.kind: 'tape' is not one of folder, url_list": ('[[source]]\nkind = "tape"\nuri = "m"', []),
    "robot.0.kind: 'bag' is not one of plain_log": ('[[robot]]\nkind = "bag"\nuri = "m"', []),
    "source.0: Value error, stage is 'moon'": ('[[source]]\nkind = "folder"\nuri = "m"\nstage = "moon"', []),
    "source: Input should be a valid tuple": ('[source]\nkind = "folder"', []),
    "captions.backend: 'poet' is not one of grounded": ('[captions]\nbackend = "poet"', []),
    "policy.nope": ("[policy]\nnope = 1", []),
    "engines.beam.runner": ("[engines.beam]\nrunner = 3", []),
    "engines.spark": ("[engines.spark]\nx = 1", []),
    "ingest.cutting.proxy_hz": ('[ingest.cutting]\nproxy_hz = "fast"', []),
    "proxy_hz and cut.longest_s must be over 0": ("[ingest.cutting]\nproxy_hz = 0", []),
    "ingest.cutting: Value error": ("[ingest.cutting.cut]\nlongest_s = 0", []),
    "publish.seed": ("", ["publish.seed=abc"]),
    "root: Input should be a valid string": ("", ["root=3"]),
    "write it as a.b=value": ("", ["policy"]),
    "root is not a section": ('root = "a"', ["root.x=3"]),
    "Invalid value": ("root = ", []),
    "invalid start byte": (b'root = "\xff"', []),
}


@pytest.mark.parametrize("said", sorted(WRONG))
def test_what_is_wrong_is_said_in_one_line_with_its_key(tmp_path: Path, said: str) -> None:
    text, sets = WRONG[said]
    with pytest.raises(UsageError) as caught:
        load(_file(tmp_path, text), sets, None)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_no_file_and_a_folder_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there; `handwheel init` writes one"):
        load(tmp_path / "none.toml", [], None)
    with pytest.raises(UsageError, match="Is a directory"):
        load(tmp_path, [], None)


def test_paths_are_relative_to_the_file_and_urls_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """
root = "out"
[[source]]
kind = "folder"
uri = "media"
[[source]]
kind = "folder"
uri = "s3://bucket/media"
[[robot]]
kind = "plain_log"
uri = "/logs"
"""
    (tmp_path / "deep").mkdir()
    path = _file(tmp_path / "deep", text)
    monkeypatch.chdir(tmp_path)
    config = load(Path("deep/handwheel.toml"), [], None)
    assert config.root == str(tmp_path / "deep" / "out")
    assert [s.uri for s in config.source] == [str(tmp_path / "deep" / "media"), "s3://bucket/media"]
    assert config.robot[0].uri == "/logs"
    assert load(path, [], "elsewhere").root == str(tmp_path / "elsewhere")
    assert load(path, [], "s3://bucket/root").root == "s3://bucket/root"
    assert load(path, ["root=/tmp/x"], None).root == "/tmp/x"
    assert load(_file(tmp_path / "deep", ""), [], None).root == str(tmp_path / "deep" / "corpus")
    assert load(None, [], None).root == str(tmp_path / "corpus")


def test_settings_go_over_the_file_and_a_root_over_both(tmp_path: Path) -> None:
    path = _file(tmp_path, "[publish]\nseed = 3\nwm_fps_hz = 5.0")
    sets = ["publish.seed=9", "engines.ray.workers=2", "captions.backend=openai", 'trigger.command=["run", "{pin}"]']
    config = load(path, [*sets, "root=/tmp/a"], "/tmp/b")
    assert (config.publish.seed, config.publish.wm_fps_hz, config.engines.ray.workers) == (9, 5.0, 2)
    assert (config.captions.backend, config.trigger.command, config.root) == ("openai", ("run", "{pin}"), "/tmp/b")


def test_defaults_are_those_of_the_rooms(tmp_path: Path) -> None:
    config = load(_file(tmp_path, ""), [], None)
    assert config == Config(root=config.root)
    assert config.ingest.cutting.recipe == Config().ingest.cutting.recipe
    changed = load(_file(tmp_path, "[ingest.cutting]\nproxy_hz = 2.0"), [], None)
    assert changed.ingest.cutting.recipe != config.ingest.cutting.recipe


def test_a_policy_named_in_part_keeps_its_detector(tmp_path: Path) -> None:
    whole = Config().policy
    name = next(n for n in type(whole).__dataclass_fields__ if isinstance(getattr(whole, n), float))
    config = load(_file(tmp_path, f"[policy]\n{name} = {getattr(whole, name) + 1}"), [], None)
    assert config.policy.detector == whole.detector
    assert config.policy.digest != whole.digest


def test_what_init_writes_loads_and_shows_the_policys_defaults(tmp_path: Path) -> None:
    text = configs.commented()
    config = load(_file(tmp_path, text), [], None)
    assert [(s.kind, s.stage) for s in config.source] == [("folder", "ego")]
    assert config.policy == Config().policy
    shown = [line.removeprefix("# ") for line in text.split("[policy]")[1].split("# [engines")[0].splitlines()]
    written = "[policy]\n" + "\n".join(line for line in shown if " = " in line)
    assert written.count("\n") >= 5
    assert load(_file(tmp_path, written), [], None).policy == Config().policy
