"""A small corpus written row by row, with drawn frames: nothing is decoded, every place is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from infra.storage.tables import Store
from pipelines.corpus.captions import bases
from pipelines.corpus.inventory import inventory
from schemas import Asset, Caption, Clip, Decision, Episode, Hands, Proxy, Reject
from schemas.arrow import rows_of
from schemas.keys import clip_id, digest_of, key_of
from schemas.spans import NS

RECIPE, POLICY, DETECTOR, RUN = "0123456789abcdef", digest_of("policy"), "drawn hands 1", "fixture"
HOSTILE = 'a<script>alert(1)</script>"><img src=x onerror=alert(2)>.mp4'
# Spans of each recording: seconds, verdict, reasons.
SPANS: dict[str, list[tuple[int, str, list[str]]]] = {
    "ego/kitchen.mp4": [
        (6, "accept", []),
        (4, "reject", ["no_contact"]),
        (2, "quarantine", ["weak_contact"]),
    ],
    "ego/desk.mp4": [(5, "accept", []), (3, "reject", ["too_dark", "blurred"])],
    f"web/{HOSTILE}": [(4, "accept", []), (2, "reject", ["no_hands"])],
    "web/black.mp4": [(3, "reject", ["frozen", "too_dark"]), (1, "unknown", ["not_sampled"])],
    "robot/000.mp4": [(5, "unknown", ["no_calibration"])],
    "robot/001.mp4": [(8, "unknown", ["no_calibration"])],
    "robot/002.mp4": [(4, "unknown", ["no_calibration"])],
}
REFUSED = [
    ("ego/page.mp4", "html_page", "a web page, not a video"),
    (f"web/{HOSTILE}.part", "empty_file", "0 bytes <b>bold</b>"),
]
OUTCOMES = [("success", None, None), ("failure", "dropped <i>block</i>", 31), ("unknown", None, None)]


@dataclass(slots=True)
class Rows:
    """Rows by table."""

    tables: dict[str, list[Any]] = field(default_factory=dict)

    def add(self, table: str, row: Any) -> None:
        """One row more."""
        self.tables.setdefault(table, []).append(row)


def corpus(root: Path, more_clips: int = 0) -> Store:
    """Writes the corpus below root; more_clips: refused clips of one second more, in one long recording."""
    rows = Rows()
    for uri, spans in SPANS.items():
        recording(rows, uri, spans)
    if more_clips:
        recording(rows, "ego/long.mp4", [(1, "reject", ["no_hands"])] * more_clips, side_px=32)
    recording(rows, "ego/short.mp4", [(2, "accept", [])], lost_s=3)
    recording(rows, "ego/waiting.mp4", [(2, "", [])])
    rows.add("assets", asset("ego/copy.mp4", digest_of("ego/desk.mp4"), 8))
    rows.add("assets", asset("ego/old.mp4", digest_of("ego/old.mp4"), 7, recipe="fedcba9876543210"))
    for uri, reason, detail in REFUSED:
        subject = key_of(uri, "1", RECIPE)
        rows.add(
            "rejects",
            Reject(
                reject_id=key_of(subject, "ingest", RECIPE),
                subject=subject,
                uri=uri,
                stage="ingest",
                recipe=RECIPE,
                reason=reason,
                detail=detail,
                run_id=RUN,
            ),
        )
    for subject in ("span 1", "span 2"):
        rows.add(
            "rejects",
            Reject(
                reject_id=key_of(subject, "caption", "p"),
                subject=subject,
                uri=None,
                stage="caption",
                recipe="p",
                reason="nouns_unsupported",
                detail="spoon",
                run_id=RUN,
            ),
        )
    for i, (outcome, mode, frame) in enumerate(OUTCOMES):
        uri = f"robot/{i:03d}.mp4"
        rows.add("episodes", episode(uri, (outcome, mode, frame), SPANS[uri][0][0]))
    store = Store(str(root))
    said = rows.tables.pop("captions")
    for table, added in rows.tables.items():
        store.insert(table, added, run_id=RUN)
    now = bases(inventory(store, RECIPE), store, rows_of(Decision, store.read("decisions")))
    store.insert("captions", [replace(c, basis=now[c.span_id]) for c in said], run_id=RUN)
    return store


def recording(
    rows: Rows, uri: str, spans: Sequence[tuple[int, str, list[str]]], lost_s: int = 0, side_px: int = 160
) -> None:
    """An asset; a clip a span, with proxy, hands and, unless its verdict is "", decision; captions."""
    sha256, start = digest_of(uri), 0
    stage = uri.partition("/")[0]
    for length_s, verdict, reasons in spans:
        span = (start * NS, (start + length_s) * NS)
        clip = clip_id(sha256, *span)
        rows.add("clips", clip_row(clip, sha256, span))
        times = list(range(span[0], span[1], NS // 2))
        jpegs = [drawn(i, len(times), side_px) for i in range(len(times))]
        proxy = Proxy(
            clip_row_id=key_of(clip, RECIPE), clip_id=clip, sample_ns=times, width_px=side_px * 16 // 9,
            height_px=side_px, jpegs=jpegs,
        )  # fmt: skip
        rows.add("proxies", proxy)
        if stage != "robot":
            rows.add("hands", hands(clip, times))
        if verdict:
            rows.add(
                "decisions",
                Decision(
                    decision_id=key_of(clip, clip, POLICY),
                    span_id=clip,
                    clip_id=clip,
                    clip_row_id=key_of(clip, RECIPE),
                    stage=stage,
                    licence="CC0-1.0",
                    sha256=sha256,
                    start_ns=span[0],
                    end_ns=span[1],
                    verdict=verdict,
                    reasons=reasons,
                    hand_share=0.5,
                    bimanual=False,
                    policy=POLICY,
                    run_id=RUN,
                ),
            )
        if verdict == "accept" or stage == "robot":
            for kind, text in texts(stage).items():
                rows.add("captions", caption(clip, sha256, kind, text))
        start += length_s
    rows.add("assets", asset(uri, sha256, start, lost_s))


def texts(stage: str) -> dict[str, str]:
    """Captions by kind."""
    said = {
        "L1": "Move the cup.",
        "L2": "Move the cup.",
        "L3": "Move the cup & the <em>lid</em>.",
        "L5": "Long words.",
    }
    if stage == "robot":
        said |= {"instruction": "Pick the block.", "achieved": "Leave the block where it is."}
    return said


def drawn(i: int, n: int, side_px: int) -> bytes:
    """A JPEG: a grey table and a square that moves to the right."""
    frame = np.full((side_px, side_px * 16 // 9, 3), 90 + 60 * i // max(n, 1), np.uint8)
    x = 10 + (side_px - 20) * i // max(n, 1)
    frame[side_px // 3 : side_px * 2 // 3, x : x + side_px // 4] = (60, 90, 220)
    return cv2.imencode(".jpg", frame)[1].tobytes()


def hands(clip: str, times: list[int]) -> Hands:
    """A right hand in every second sample."""
    points = [v for k in range(21) for v in (0.3 + k / 100, 0.4 + k / 80)]
    found = [
        {
            "sample": i,
            "side": "right",
            "side_score": 0.9,
            "score": 0.8,
            "presence": 0.95,
            "x0": 0.3,
            "y0": 0.4,
            "x1": 0.55,
            "y1": 0.7,
            "keypoints": points,
            "contact": 0.6,
        }
        for i in range(0, len(times), 2)
    ]
    return Hands(
        hands_id=key_of(key_of(clip, RECIPE), DETECTOR),
        clip_row_id=key_of(clip, RECIPE),
        clip_id=clip,
        detector=DETECTOR,
        sample_ns=times,
        hands=found,
        run_id=RUN,
    )


def clip_row(clip: str, sha256: str, span: tuple[int, int]) -> Clip:
    """A clip with plausible signals."""
    return Clip(
        clip_row_id=key_of(clip, RECIPE),
        clip_id=clip,
        sha256=sha256,
        start_ns=span[0],
        end_ns=span[1],
        camera=None,
        cutter="drawn",
        frame_count=(span[1] - span[0]) * 10 // NS,
        damaged_frames=0,
        sharpness=120.0,
        brightness=90.0,
        motion=4.0,
        camera_motion=None,
        freeze_share=0.1,
        fingerprints=None,
        recipe=RECIPE,
        run_id=RUN,
    )


def asset(uri: str, sha256: str, decoded_s: int, lost_s: int = 0, recipe: str = RECIPE) -> Asset:
    """An asset whose first folder is its stage."""
    return Asset(
        asset_id=key_of(uri, "1", recipe),
        uri=uri,
        revision="1",
        modified_ns=0,
        sha256=sha256,
        size_bytes=1,
        stage=uri.partition("/")[0],
        licence="CC0-1.0",
        consent=None,
        wearer_id=None,
        robot_id=None,
        site_id=None,
        container="mov",
        codec="h264",
        width_px=284,
        height_px=160,
        fps_hz=10.0,
        duration_ns=(decoded_s + lost_s) * NS,
        decoded_ns=decoded_s * NS,
        intrinsics_json=None,
        narrations=[],
        recipe=recipe,
        run_id=RUN,
    )


def caption(clip: str, sha256: str, kind: str, text: str) -> Caption:
    """One caption."""
    return Caption(
        caption_id=key_of(clip, kind, "drawn", "p"),
        span_id=clip,
        sha256=sha256,
        kind=kind,
        text=text,
        model="drawn",
        prompt="p",
        basis="",
        decoding="{}",
        checks=[],
        parent=None,
        run_id=RUN,
    )


def episode(uri: str, end: tuple[str, str | None, int | None], length_s: int) -> Episode:
    """A robot attempt with one camera."""
    outcome, mode, frame = end
    camera = {"camera": "front", "sha256": digest_of(uri), "start_ns": 0, "end_ns": length_s * NS}
    return Episode(
        episode_row_id=key_of(uri, "1"),
        episode_id=key_of(uri),
        name=Path(uri).stem,
        uri=uri,
        revision="1",
        modified_ns=0,
        embodiment="so101",
        robot_id=None,
        scene_id=None,
        instruction="Pick the block.",
        outcome=outcome,
        outcome_source="sim",
        outcome_confidence=1.0,
        failure_mode=mode,
        failure_frame=frame,
        policy_id="scripted",
        world_model_id=None,
        idm_id=None,
        trained_on=None,
        collect_mode="scripted",
        calibration_json=None,
        fps_hz=10.0,
        frame_count=length_s * 10,
        state_names=[],
        action_names=[],
        cameras=[camera],
        run_id=RUN,
    )
