"""Where a key stands in a file, and what an unknown one may have meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestration import config
from orchestration.config.hints import keys_beside, line_of
from schemas.errors import UsageError

TEXT = """\
root = "corpus"

[[source]]
kind = "folder"
uri = "a"
[[source]]
kind = "folder"
uri = "b"   # the second
[[robot]]
kind = "lerobot"
uri = "c"
[robot.columns]
state = "qpos"
[ingest.cutting]
proxy_hz = 4
cut.longest_s = 30
[ "publish" ]
"val_share" = 0.1
"""


@pytest.mark.parametrize(
    ("loc", "line"),
    [
        (("root",), 1),
        (("source", 0, "uri"), 5),
        (("source", 1, "uri"), 8),
        (("source", 1, "nope"), 6),
        (("robot", 0, "columns", "state"), 13),
        (("ingest", "cutting", "proxy_hz"), 15),
        (("ingest", "cutting", "cut", "longest_s"), 16),
        (("publish", "val_share"), 18),
        (("captions", "backend"), None),
        (("source", 2, "uri"), None),
    ],
)
def test_the_line_of_a_key(loc: tuple[str | int, ...], line: int | None) -> None:
    assert line_of(TEXT, loc) == line


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[polcy]\nx = 1", "handwheel.toml:1: polcy: there is no such key; did you mean 'policy'?"),
        ("[publish]\nval_shar = 1", "publish.val_shar: there is no such key; did you mean 'val_share'?"),
        ("[schedule]\ncron = 1", "handwheel.toml:2: schedule.cron: there is no such key; did you mean 'ingest_cron'?"),
        (
            '[[source]]\nkind = "folder"\nuri = "m"\nlicense = "x"',
            "handwheel.toml:4: source.0.license: there is no such key; did you mean 'licence'?",
        ),
        ('[publish]\nval_share = "a"', "handwheel.toml:2: publish.val_share: Input should be a valid number"),
        ("[engines.ray]\nzzz = 1", "ray.zzz: there is no such key; there are address, workers, object_store_mb"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_told_with_its_line_and_what_it_may_mean(tmp_path: Path, text: str, hint: str) -> None:
    (tmp_path / "handwheel.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        config.load(tmp_path / "handwheel.toml", [], None)
    assert hint in str(caught.value)


def test_keys_are_those_of_the_rooms() -> None:
    assert "licence" in keys_beside(("source", 0, "x"))
    assert "longest_s" in keys_beside(("ingest", "cutting", "cut", "x"))
    assert "source" in keys_beside(("x",))
    assert keys_beside(("root", "x")) == []
