"""What goes into a release: one row a view and span, chosen from the tables. Lineage is the argument list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from captioning.facts import basis_of
from filters import licences
from filters.connected import leaders
from filters.duplicates import groups
from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.corpus.decisions import decisions_of
from pipelines.corpus.duplicates import copies_of, pairs_of
from pipelines.corpus.inventory import current_clips, inventory
from schemas.columns import differs, equals, values_of
from schemas.keys import digest_of, key_of
from schemas.spans import NS

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class View:
    """A view's geometry and which verdicts it takes. IDM views take everything, at the log's own frame times."""

    stage: str
    verdicts: tuple[str, ...]
    long_side_px: int
    fps_hz: float | None  # None: one frame a step
    longest_span_s: float
    needs_caption: bool


@dataclass(frozen=True, slots=True)
class PublishOptions:
    """The recipe of a release. Most robot logs carry no calibration: wm_robot takes `unknown` too."""

    wm_long_side_px: int = 320
    wm_fps_hz: float = 10.0
    idm_long_side_px: int = 256
    longest_span_s: float = 60.0
    val_share: float = 0.1
    seed: int = 7
    original_share: float = 0.05  # DALL-E 3's blend: 95 % synthetic, 5 % original
    level_weights: dict[str, float] = field(
        default_factory=lambda: {"L1": 0.1, "L2": 0.2, "L3": 0.3, "L4": 0.3, "L5": 0.1}
    )
    caption_models: tuple[str, ...] = ()  # preferred first, by prefix; then any other, `grounded` last
    batch_recordings: int = 16

    def view(self, name: str) -> View:
        """Geometry of a view by its name."""
        if name.startswith("idm_"):
            every = ("accept", "quarantine", "reject", "unknown")
            return View("robot", every, self.idm_long_side_px, None, self.longest_span_s, needs_caption=False)
        stage = name.removeprefix("wm_")
        verdicts = ("accept", "unknown") if stage == "robot" else ("accept",)
        return View(stage, verdicts, self.wm_long_side_px, self.wm_fps_hz, self.longest_span_s, needs_caption=True)


def select(store: Store, recipe: str, policy: Policy, options: PublishOptions) -> tuple[list[Row], dict[str, int]]:
    """Rows to publish in order of (view, clip_id), and how many were left out by reason.

    What the policy's purpose does not allow is left out by its licence as it is now, whatever was decided.

    A row is all of a view's columns that do not need pixels, with `view`, `uri`, `times_ns` and `group` beside.
    """
    assets = inventory(store, recipe)
    clips = current_clips(store, assets, recipe)
    parents = {a["sha256"]: a for a in assets.filter(assets["primary"]).to_pylist()}
    decided = decisions_of(store, clips, policy.digest)
    refused = pc.and_(equals(decided["verdict"], "reject"), differs(decided["stage"], "robot"))
    decisions, rejected = decided.filter(pc.invert(refused)), decided.filter(refused)
    captions = _captions(store, values_of(decisions["span_id"], str))
    episodes = episodes_by_recording(store)
    gone = copies_of(store, recipe, assets, decisions)
    rows: list[Row] = []
    left_out = dict(Counter(copy.reason for copy in gone.values())) | _unlicensed(rejected)
    for decision in decisions.to_pylist():
        if decision["span_id"] in gone:
            continue
        asset = parents[decision["sha256"]]
        for name, episode, camera in _views_of(asset, decision, episodes):
            if why := licences.refusal(asset["licence"], policy.purpose, policy.licences_held):
                left_out[why] = left_out.get(why, 0) + 1
                continue
            if decision["verdict"] not in options.view(name).verdicts:
                continue
            basis = basis_of(asset["narrations"], episode, decision)
            said = draw_caption(decision["span_id"], captions.get((decision["span_id"], basis), []), options)
            row = _row(name, decision, asset, episode, camera, said or {}, options)
            if row["caption"] is None and options.view(name).needs_caption:
                left_out["no_caption"] = left_out.get("no_caption", 0) + 1
            else:
                rows.append(row)
    split_rows(rows, groups(pairs_of(store, recipe)), options)
    return sorted(rows, key=lambda r: (r["view"], r["clip_id"])), left_out


def _unlicensed(rejected: pa.Table) -> dict[str, int]:
    """People's spans that were rejected for their licence, by reason; a robot's are told view by view."""
    reasons = [r[0] for r in rejected["reasons"].to_pylist() if r and r[0] in licences.REASONS]
    return {reason: reasons.count(reason) for reason in sorted(set(reasons))}


def episodes_by_recording(store: Store) -> dict[str, list[tuple[int, int, str, Row]]]:
    """Latest episodes as {sha256 of a recording: [(start_ns, end_ns, camera, episode)]}."""
    latest: dict[str, Row] = {}
    for row in store.read("episodes").to_pylist():
        known = latest.get(row["episode_id"])
        order = (row["modified_ns"], row["revision"])
        if known is None or order > (known["modified_ns"], known["revision"]):
            latest[row["episode_id"]] = row
    out: dict[str, list[tuple[int, int, str, Row]]] = {}
    for episode in sorted(latest.values(), key=lambda e: str(e["episode_id"])):
        for span in episode["cameras"]:
            out.setdefault(span["sha256"], []).append((span["start_ns"], span["end_ns"], span["camera"], episode))
    return out


def episode_of(
    episodes: Mapping[str, list[tuple[int, int, str, Row]]], sha256: str, start_ns: int, end_ns: int
) -> tuple[Row, str, int] | None:
    """The episode whose camera span holds this one, the camera, and where the episode starts in the recording."""
    for start, end, camera, episode in episodes.get(sha256, []):
        if start <= start_ns and end_ns <= end:
            return episode, camera, start
    return None


def _views_of(asset: Row, decision: Row, episodes: Mapping[str, Any]) -> Iterable[tuple[str, Row | None, Any]]:
    if asset["stage"] != "robot":
        return [(f"wm_{asset['stage']}", None, None)]
    found = episode_of(episodes, decision["sha256"], decision["start_ns"], decision["end_ns"])
    if found is None:
        return []
    episode, camera, origin_ns = found
    return [
        ("wm_robot", episode, (camera, origin_ns)),
        (f"idm_{episode['embodiment']}", episode, (camera, origin_ns)),
    ]


def _row(
    name: str, decision: Row, asset: Row, episode: Row | None, camera: Any, said: Row,
    options: PublishOptions,
) -> Row:  # fmt: skip
    view = options.view(name)
    fps_hz = view.fps_hz or (episode or {})["fps_hz"]
    start, end = decision["start_ns"], decision["end_ns"]
    count = max(1, int((end - start) * fps_hz / NS))
    times = None if view.fps_hz is None else [start + round(i * NS / fps_hz) for i in range(count)]
    return {
        "view": name, "clip_id": decision["span_id"], "sha256": decision["sha256"], "uri": asset["uri"],
        "stage": asset["stage"], "start_ns": start, "end_ns": end, "times_ns": times, "fps_hz": fps_hz,
        "camera": camera[0] if camera else None, "origin_ns": camera[1] if camera else None,
        "caption": said.get("text"), "caption_kind": said.get("kind"), "caption_model": said.get("model"),
        "quarter_turns": asset["quarter_turns"], "licence": asset["licence"], "source_clip": decision["clip_id"],
        "redaction": asset["redaction"], "redacted": asset["redacted"], "tiling": asset["tiling"],
        "episode_id": episode["episode_id"] if episode else None,
        "embodiment": episode["embodiment"] if episode else None,
        "task": episode["instruction"] if episode else None,
        "outcome": episode["outcome"] if episode else None,
        "group": [g for g in (
            asset["wearer_id"], asset["site_id"], (episode or {}).get("scene_id"), f"sha:{decision['sha256']}"
        ) if g],
    }  # fmt: skip


def bases(assets: pa.Table, store: Store, spans: Iterable[Row]) -> dict[str, str]:
    """What captions of each span must rest on now, by span_id; assets: the inventory, spans: rows of decisions."""
    narrations = dict(zip(values_of(assets["sha256"], str), values_of(assets["narrations"], list), strict=True))
    stages = {}
    for row in assets.filter(assets["primary"]).select(["sha256", "narrations", "stage"]).to_pylist():
        narrations[row["sha256"]], stages[row["sha256"]] = row["narrations"], row["stage"]
    episodes = episodes_by_recording(store)
    out = {}
    for span in spans:
        robot = stages.get(span["sha256"], "robot") == "robot"
        found = episode_of(episodes, span["sha256"], span["start_ns"], span["end_ns"]) if robot else None
        out[span["span_id"]] = basis_of(narrations[span["sha256"]], found[0] if found else None, span)
    return out


def _captions(store: Store, spans: list[str]) -> dict[tuple[str, str], list[Row]]:
    """Captions of spans by (span, basis): those that rest on words since corrected are under another basis."""
    out: dict[tuple[str, str], list[Row]] = {}
    columns = ["span_id", "basis", "kind", "text", "model", "prompt"]
    for row in store.read_keys("captions", "span_id", spans, columns).to_pylist():
        out.setdefault((row["span_id"], row["basis"]), []).append(row)
    return out


def draw_caption(span_id: str, rows: list[Row], options: PublishOptions) -> Row | None:
    """One caption of a span's: `achieved` for a robot's, else the original or a level, drawn by hash of the seed."""
    written = sorted((r for r in rows if r["kind"] != "original"), key=lambda r: _preference(r, options))
    if not written:
        return None
    best = {r["kind"]: r for r in written if (r["model"], r["prompt"]) == (written[0]["model"], written[0]["prompt"])}
    if "achieved" in best:
        return best["achieved"]
    u = int(key_of("caption", options.seed, span_id)[:12], 16) / 16**12
    original = next((r for r in rows if r["kind"] == "original"), None)
    if original is not None and u < options.original_share:
        return original
    v = int(key_of("level", options.seed, span_id)[:12], 16) / 16**12
    weights = {k: w for k, w in sorted(options.level_weights.items()) if k in best}
    at = v * sum(weights.values())
    for kind, weight in weights.items():
        if (at := at - weight) <= 0:
            return best[kind]
    return None


def _preference(row: Row, options: PublishOptions) -> tuple[int, bool, str, str]:
    rank = next((i for i, m in enumerate(options.caption_models) if row["model"].startswith(m)), 10**6)
    return rank, row["model"].startswith("grounded"), row["model"], row["prompt"]


def split_rows(rows: list[Row], alike: Mapping[str, str], options: PublishOptions) -> None:
    """Sets each row's split: rows that share a wearer, site, scene, recording or group of copies are on one side.

    alike: the group of copies a clip is in, where it is in one.
    """
    shared = [[*r["group"], *([f"alike:{g}"] if (g := alike.get(r["source_clip"])) else [])] for r in rows]
    leads = leaders(shared)
    for row in rows:
        u = int(key_of("split", options.seed, leads[row["group"][0]])[:12], 16) / 16**12
        row["split"] = "val" if u < options.val_share else "train"


def selection_digest(rows: list[Row], recipe: Mapping[str, Any]) -> str:
    """Digest of what would be published, before a frame is encoded."""
    place = ("uri", "group", "redacted", "tiling")
    return digest_of([dict(recipe), [{k: v for k, v in r.items() if k not in place} for r in rows]])
