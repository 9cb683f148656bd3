"""What a release says of itself: rows, hours and numbers by view, stage, task, outcome and embodiment."""

from __future__ import annotations

import math
from collections.abc import Sequence

from handwheel import format as fmt

from pipelines.publish.encoded import EncodedRow
from pipelines.publish.selection import View

Json = dict[str, object]  # of release.json
STAGES = ("web", "ego", "robot")
OUTCOMES = ("success", "failure", "unknown")


def view_facts(rows: Sequence[EncodedRow], view: View) -> Json:
    """What release.json says of a view whose rows these are."""
    geometry = {"long_side_px": view.long_side_px, "fps_hz": view.fps_hz, "longest_span_s": view.longest_span_s}
    return {
        "root": fmt.merkle_root(row.row_sha256 for row in rows), "rows": len(rows),
        "clips": len({row.clip_id for row in rows}), "hours": hours(rows), "geometry": geometry,
    }  # fmt: skip


def hours(rows: Sequence[EncodedRow]) -> float:
    """Hours of rows; fsum: the same in any order."""
    return math.fsum(row.seconds for row in rows) / 3600


def split_counts(rows: Sequence[EncodedRow], view: str) -> dict[str, int]:
    """A view's rows by split."""
    counted = {"train": 0, "val": 0}
    for row in rows:
        if row.view == view:
            counted[row.split] += 1
    return counted


def counts(rows: Sequence[EncodedRow]) -> Json:
    """Hours and numbers by stage, view, task, outcome and embodiment, as the triggers read them."""
    of_world_model = [row for row in rows if row.view.startswith("wm_")]
    attempts = list({row.episode_id: row for row in rows if row.episode_id}.values())
    return {
        "hours_by_stage": {stage: hours([r for r in of_world_model if r.stage == stage]) for stage in STAGES},
        "views": {view: _of_view([r for r in rows if r.view == view]) for view in sorted({r.view for r in rows})},
        "tasks": {
            task: _of_task([r for r in attempts if r.task == task])
            for task in sorted({r.task for r in attempts if r.task})
        },
        "outcomes": {outcome: sum(r.outcome == outcome for r in attempts) for outcome in OUTCOMES},
        "embodiments": {
            robot: {
                "episodes": sum(r.embodiment == robot for r in attempts),
                "hours": hours([r for r in rows if r.view.startswith("idm_") and r.embodiment == robot]),
            }
            for robot in sorted({str(r.embodiment) for r in attempts})
        },
    }


def _of_view(rows: Sequence[EncodedRow]) -> Json:
    return {"clips": len(rows), "hours": hours(rows)}


def _of_task(attempts: Sequence[EncodedRow]) -> Json:
    return {"episodes": len(attempts), "scenes": len({row.group for row in attempts})}
