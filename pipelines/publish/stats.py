"""What a release says of itself: rows, hours and numbers by view, stage, task, outcome and embodiment."""

from __future__ import annotations

import math
from typing import Any

from handwheel import format as fmt

from pipelines.publish.selection import View

Rows = list[dict[str, Any]]


def view_facts(rows: Rows, view: View) -> dict[str, Any]:
    geometry = {
        "long_side_px": view.long_side_px,
        "fps_hz": view.fps_hz,
        "longest_span_s": view.longest_span_s,
    }
    return {
        "root": fmt.merkle_root(r["row_sha256"] for r in rows), "rows": len(rows),
        "clips": len({r["clip_id"] for r in rows}), "hours": hours(rows), "geometry": geometry,
    }  # fmt: skip


def hours(rows: Rows) -> float:
    """Hours of rows; fsum: the same in any order."""
    return math.fsum(r["seconds"] for r in rows) / 3600


def split_counts(rows: Rows, view: str) -> dict[str, int]:
    out: dict[str, int] = {"train": 0, "val": 0}
    for row in rows:
        if row["view"] == view:
            out[row["split"]] += 1
    return out


def counts(rows: Rows) -> dict[str, Any]:
    """Hours and numbers by stage, view, task, outcome and embodiment, as the triggers read them."""
    wm = [r for r in rows if r["view"].startswith("wm_")]
    robot = {r["episode_id"]: r for r in rows if r["episode_id"]}.values()
    tasks: dict[str, Any] = {}
    for task in sorted({r["task"] for r in robot if r["task"]}):
        of = [r for r in robot if r["task"] == task]
        tasks[task] = {"episodes": len(of), "scenes": len({r["group"] for r in of})}
    embodiments = {
        e: {
            "episodes": sum(r["embodiment"] == e for r in robot),
            "hours": hours([r for r in rows if r["view"] == f"idm_{e}"]),
        }
        for e in sorted({r["embodiment"] for r in robot})
    }
    return {
        "hours_by_stage": {s: hours([r for r in wm if r["stage"] == s]) for s in ("web", "ego", "robot")},
        "views": {
            v: {
                "clips": sum(r["view"] == v for r in rows),
                "hours": hours([r for r in rows if r["view"] == v]),
            }
            for v in sorted({r["view"] for r in rows})
        },
        "tasks": tasks,
        "outcomes": {o: sum(r["outcome"] == o for r in robot) for o in ("success", "failure", "unknown")},
        "embodiments": embodiments,
    }
