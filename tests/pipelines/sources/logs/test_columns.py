"""What a `[[robot]]` says of columns is taken, or refused in one line before anything is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pipelines.fold import offers
from pipelines.fold.dry_look import look
from pipelines.sources.logs import RobotSource, check_columns
from pipelines.sources.logs.base import LogColumns
from schemas.errors import UsageError

SAID: dict[str, Any] = {
    "state": ("a",), "action": ("b",), "cameras": {"top": "c"}, "task": "d", "outcome": "e", "discarded": "f",
}  # fmt: skip
ALL, LABELS = "state action cameras task outcome discarded", "state action task outcome discarded"
TAKEN = {
    "lerobot": ALL, "rlds": ALL, "mcap": ALL, "rosbag1": ALL, "rosbag2": ALL, "robomimic": ALL, "aloha": ALL,
    "plain_log": LABELS, "sim": LABELS, "zarr_replay": "state action cameras", "robomind": "state action cameras",
    "agibot": "state action", "oopsie": "state action", "droid_raw": "state action", "droid_ctrlworld": "state action",
    "1x": "", "xr_teleoperate": "state action cameras",
}  # fmt: skip


@pytest.mark.parametrize("kind", TAKEN)
def test_each_kind_takes_what_it_reads_and_refuses_the_rest(kind: str) -> None:
    check_columns(RobotSource(kind=kind, uri="logs"))
    for name, value in SAID.items():
        source = RobotSource(kind=kind, uri="logs", columns=LogColumns(**{name: value}))
        if name in TAKEN[kind].split():
            check_columns(source)
            continue
        with pytest.raises(UsageError) as refusal:
            check_columns(source)
        taken = TAKEN[kind].replace(" ", ", ") or "no columns"
        assert f"columns.{name} means nothing to kind {kind!r}, which takes {taken};" in str(refusal.value)
        assert "\n" not in str(refusal.value)


def test_the_fold_and_the_look_refuse_before_anything_is_read(tmp_path: Path) -> None:
    """Of two places the second is wrong, and neither is there: the first line is that of the columns."""
    absent = str(tmp_path / "absent")
    wrong = RobotSource(kind="agibot", uri=absent, columns=LogColumns(outcome="won"))
    with pytest.raises(UsageError, match=r"columns\.outcome means nothing to kind 'agibot'"):
        list(offers.list_logs([RobotSource(kind="lerobot", uri=absent), wrong]))
    with pytest.raises(UsageError, match=r"columns\.outcome means nothing"):
        look(wrong, 5)
