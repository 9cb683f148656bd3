"""What goes into a release: one row a view and span, chosen from the tables. Lineage is the argument list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pyarrow.compute as pc

from captioning.facts import basis_of
from filters import licences
from filters.connected import connected_components
from filters.duplicates import group_clips
from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.corpus.captions import CaptionText, captions_of
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.decisions import DECISION
from pipelines.corpus.duplicates import copies_of, pairs_of
from pipelines.corpus.episodes import EpisodeSpan
from pipelines.corpus.inventory import CurrentAsset
from pipelines.publish.view_names import axes_of, view_names
from schemas import Decision
from schemas.columns import differs, equals
from schemas.keys import as_stored, digest_of, share_of, stored_as
from schemas.spans import NS, StoredSpan
from schemas.tables import TypedTable


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

    wm_long_side_px: int = 320  # of the world model's views
    wm_fps_hz: float = 10.0  # of the world model's views
    idm_long_side_px: int = 256  # of the IDM's views, which keep the log's own frame times
    longest_span_s: float = 60.0  # the gate refuses a release with a longer span
    val_share: float = 0.1  # share of groups that go to the split val
    seed: int = 7  # draws splits and captions
    original_share: float = 0.05  # DALL-E 3's blend: 95 % synthetic, 5 % original
    level_weights: dict[str, float] = field(
        default_factory=lambda: {"L1": 0.1, "L2": 0.2, "L3": 0.3, "L4": 0.3, "L5": 0.1}
    )
    caption_models: tuple[str, ...] = ()  # preferred first, by prefix; then any other, `grounded` last
    batch_recordings: int = 16  # recordings in one task of the encoder

    def view(self, name: str) -> View:
        """Geometry of a view by its name."""
        if name.startswith("idm_"):
            every = ("accept", "quarantine", "reject", "unknown")
            return View("robot", every, self.idm_long_side_px, None, self.longest_span_s, needs_caption=False)
        stage = name.removeprefix("wm_")
        verdicts = ("accept", "unknown") if stage == "robot" else ("accept",)
        return View(stage, verdicts, self.wm_long_side_px, self.wm_fps_hz, self.longest_span_s, needs_caption=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRow:
    """A row of a view before its pixels: its columns, and what is needed to make the rest.

    Field names are part of `selection_digest`.
    """

    view: str
    clip_id: str  # the span's
    sha256: str
    uri: str
    stage: str
    start_ns: int
    end_ns: int
    times_ns: list[int] | None  # of its frames; None: those of its steps
    fps_hz: float
    camera: str | None
    origin_ns: int | None  # where its attempt starts in the recording
    caption: str | None
    caption_kind: str | None
    caption_model: str | None
    quarter_turns: int
    licence: str | None
    source_clip: str  # the clip it lies in
    redaction: str | None
    redacted: list[StoredSpan]
    decode_variant: str = stored_as("tiling")
    episode_id: str | None
    steps_id: str | None = None  # of the steps it takes
    embodiment: str | None
    task: str | None
    outcome: str | None
    group: list[str]  # what it shares with others of its side of the split
    split: str = ""
    recipe: str = ""  # of its clip
    camera_index: int | None = None  # of its camera among the attempt's
    maker_split: str | None = None  # of its attempt


HELD_OUT = ("val", "test")  # by an attempt's makers
# Where a row's bytes lie and whom it goes with: not what is published.
PLACE = ("uri", "group", "redacted", "tiling", "recipe", "camera_index", "maker_split")


@dataclass(frozen=True, slots=True)
class Selection:
    """Rows in order of (view, clip_id), how many were left out by reason, and the axes of each IDM's view."""

    rows: list[ViewRow]
    left_out: dict[str, int]
    axes: dict[str, str]


def select(
    store: Store, recipe: str, policy: Policy, options: PublishOptions, apart: Mapping[str, str] | None = None
) -> tuple[list[ViewRow], dict[str, int]]:
    """Rows to publish in order of (view, clip_id), and how many were left out by reason: `selection_of`."""
    chosen = selection_of(store, recipe, policy, options, apart or {})
    return chosen.rows, chosen.left_out


def selection_of(
    store: Store, recipe: str, policy: Policy, options: PublishOptions, apart: Mapping[str, str]
) -> Selection:
    """What to publish. held: the axes of each IDM's view of the newest release.

    What the policy's purpose does not allow is left out by its licence as it is now, whatever was decided.
    """
    corpus = Corpus(store, recipe, policy.digest)
    parents = {asset.sha256: asset for asset in corpus.primary_assets().rows()}
    decided = corpus.decisions()
    refused = pc.and_(equals(decided[DECISION.verdict], "reject"), differs(decided[DECISION.stage], "robot"))
    decisions, rejected = decided.filter(pc.invert(refused)), decided.filter(refused)
    captions = captions_of(store, decisions.values(DECISION.span_id))
    copies = copies_of(store, recipe, corpus.assets(), decisions)
    rows: list[ViewRow] = []
    named = {e.episode.episode_id: e.episode for spans in corpus.episodes().values() for e in spans}
    episodes = [named[key] for key in sorted(named)]
    idm_views, axes = view_names(episodes, axes_of(store, episodes), apart)
    left_out = Counter(copy.reason for copy in copies.values())
    left_out.update(_unlicensed(rejected))
    for decision in decisions.rows():
        if decision.span_id in copies:
            continue
        asset = parents[decision.sha256]
        for view, attempt in _views_of(asset, decision, corpus, idm_views):
            if why := licences.refusal(asset.licence, policy.purpose, policy.licences_held):
                left_out[why] += 1
                continue
            if decision.verdict not in options.view(view).verdicts:
                continue
            basis = basis_of(asset.narrations, attempt.episode if attempt else None, decision)
            drawn = draw_caption(decision.span_id, captions.get((decision.span_id, basis), []), options)
            if drawn is None and options.view(view).needs_caption:
                left_out["no_caption"] += 1
            else:
                rows.append(_row(view, decision, asset, attempt, drawn, options))
    rows = split_rows(rows, group_clips(pairs_of(store, recipe)), options)
    return Selection(sorted(rows, key=lambda r: (r.view, r.clip_id)), dict(left_out), {**apart, **axes})


def _unlicensed(rejected: TypedTable[Decision]) -> dict[str, int]:
    """People's spans that were rejected for their licence, by reason; a robot's are told view by view."""
    first = [reasons[0] for reasons in rejected.values(DECISION.reasons) if reasons]
    counts = Counter(reason for reason in first if reason in licences.REASONS)
    return dict(sorted(counts.items()))


def _views_of(
    asset: CurrentAsset, decision: Decision, corpus: Corpus, idm_views: Mapping[str, str]
) -> list[tuple[str, EpisodeSpan | None]]:
    """The views that take a span, with the attempt that it shows."""
    if asset.stage != "robot":
        return [(f"wm_{asset.stage}", None)]
    attempt = corpus.episode_of(decision)
    return [] if attempt is None else [("wm_robot", attempt), (idm_views[attempt.episode.episode_id], attempt)]


def _row(
    name: str, decision: Decision, asset: CurrentAsset, attempt: EpisodeSpan | None, drawn: CaptionText | None,
    options: PublishOptions,
) -> ViewRow:  # fmt: skip
    view, episode = options.view(name), attempt.episode if attempt else None
    fps_hz = view.fps_hz or (episode.fps_hz if episode else None)
    if fps_hz is None:
        raise LookupError(f"view {name} has one frame a step, and span {decision.span_id} is of no attempt")
    start, end = decision.start_ns, decision.end_ns
    count = max(1, int((end - start) * fps_hz / NS))
    times = None if view.fps_hz is None else [start + round(i * NS / fps_hz) for i in range(count)]
    shared = (asset.wearer_id, asset.site_id, episode.scene_id if episode else None, f"sha:{decision.sha256}")
    return ViewRow(
        view=name, clip_id=decision.span_id, sha256=decision.sha256, uri=asset.uri, stage=asset.stage, start_ns=start,
        end_ns=end, times_ns=times, fps_hz=fps_hz, camera=attempt.camera if attempt else None,
        origin_ns=attempt.start_ns if attempt else None, caption=drawn.text if drawn else None,
        caption_kind=drawn.kind if drawn else None, caption_model=drawn.model if drawn else None,
        quarter_turns=asset.quarter_turns, licence=asset.licence, source_clip=decision.clip_id,
        redaction=asset.redaction, redacted=asset.redacted, decode_variant=asset.decode_variant, recipe=asset.recipe,
        camera_index=attempt.camera_index if attempt else None, maker_split=episode.split if episode else None,
        episode_id=episode.episode_id if episode else None,
        steps_id=(episode.steps_id or episode.episode_id) if episode else None,
        embodiment=episode.embodiment if episode else None,
        task=episode.instruction if episode else None, outcome=episode.outcome if episode else None,
        group=[name for name in shared if name],
    )  # fmt: skip


def draw_caption(span_id: str, rows: Sequence[CaptionText], options: PublishOptions) -> CaptionText | None:
    """One caption of a span's: `achieved` for a robot's, else the original or a level, drawn by hash of the seed."""
    written = sorted((r for r in rows if r.kind != "original"), key=lambda r: _preference(r, options))
    if not written:
        return None
    best = {r.kind: r for r in written if (r.model, r.prompt) == (written[0].model, written[0].prompt)}
    if "achieved" in best:
        return best["achieved"]
    original = next((r for r in rows if r.kind == "original"), None)
    if original is not None and share_of("caption", options.seed, span_id) < options.original_share:
        return original
    weights = {k: w for k, w in sorted(options.level_weights.items()) if k in best}
    left = share_of("level", options.seed, span_id) * sum(weights.values())
    for kind, weight in weights.items():
        if (left := left - weight) <= 0:
            return best[kind]
    return None


def _preference(row: CaptionText, options: PublishOptions) -> tuple[int, bool, str, str]:
    rank = next((i for i, m in enumerate(options.caption_models) if row.model.startswith(m)), 10**6)
    return rank, row.model.startswith("grounded"), row.model, row.prompt


def split_rows(rows: Sequence[ViewRow], alike: Mapping[str, str], options: PublishOptions) -> list[ViewRow]:
    """The rows with their split: those that share a wearer, site, scene, recording or group of copies are on one side.

    What an attempt's makers held out (val, test) never goes to train, and neither does what is alike to it; the rest of
    its group goes where it is drawn. alike: the group of copies a clip is in, where it is in one.
    """
    shared = [[*r.group, *([f"alike:{g}"] if (g := alike.get(r.source_clip)) else [])] for r in rows]
    leads = connected_components(shared)
    shares = (share_of("split", options.seed, leads[row.group[0]]) for row in rows)
    sides = ("val" if share < options.val_share else "train" for share in shares)
    names = [alike.get(row.source_clip, row.source_clip) for row in rows]
    held_out = {name for name, row in zip(names, rows, strict=True) if row.maker_split in HELD_OUT}
    return [
        replace(row, split="val" if name in held_out else side)
        for row, name, side in zip(rows, names, sides, strict=True)
    ]


def selection_digest(rows: Sequence[ViewRow], recipe: Mapping[str, Any]) -> str:
    """Digest of what would be published, before a frame is encoded."""
    return digest_of([dict(recipe), [{k: v for k, v in as_stored(r).items() if k not in PLACE} for r in rows]])
