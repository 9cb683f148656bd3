"""A life in sentences, as a person would say it: what became of it and why, then what that rests on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from orchestration.cli.life import Life
from orchestration.cli.life_rows import AssetFacts, ClipFacts, DecisionFacts, EpisodeFacts, RejectFacts
from schemas.spans import NS

VERDICTS = {"accept": "kept", "reject": "refused", "quarantine": "set aside", "unknown": "undecided"}
OUTCOMES = {"unknown": "outcome unknown"}


def as_text(life: Life, *, everything: bool = False) -> str:
    """A life for people. everything: each row as it is stored, history included."""
    if everything:
        return "\n".join(_stored(life))
    lines = [line for episode in _newest(life.episodes) for line in _attempt(episode)]
    lines += [line for asset in life.assets for line in _recording(life, asset)]
    lines += [_refusal(row) for row in life.rejects]
    lines += [f"in release {p.release}, view {p.view}" for p in life.releases]
    if not life.releases and any(_verdict(life, d)[0] == "accept" for d in life.decisions):
        lines.append("in no release yet: run `handwheel publish`")
    lines.append("`--all` shows every row, history included; `--json` the same for programs")
    return "\n".join(lines)


def _stored(life: Life) -> Iterator[str]:
    for table, rows in life.plain().items():
        for row in rows:
            facts = ", ".join(f"{k} {_in_words(k, v)}" for k, v in row.items() if v not in (None, [], ""))
            yield f"{table:>10}  {facts}"


def _in_words(name: str, value: object) -> str:
    return f"{value / NS:.3f} s" if name.endswith("_ns") and isinstance(value, int) else str(value)


def _newest(episodes: Sequence[EpisodeFacts]) -> Iterator[EpisodeFacts]:
    """The first of each attempt: `readings_of` lists the newest reading first."""
    names: set[tuple[str | None, str]] = set()
    for episode in episodes:
        if (episode.namespace, episode.name) not in names:
            names.add((episode.namespace, episode.name))
            yield episode


def _attempt(episode: EpisodeFacts) -> Iterator[str]:
    outcome = OUTCOMES.get(episode.outcome, episode.outcome)
    if episode.failure_mode:
        outcome += f" ({episode.failure_mode})"
    cameras = ", ".join(camera["camera"] for camera in episode.cameras)
    yield (
        f"attempt {episode.namespace or '?'}/{episode.name}: {outcome}, {episode.frame_count} frames of "
        f"{episode.embodiment}, {f'cameras {cameras}' if cameras else 'no camera'}"
    )
    if episode.withdrawn:
        yield f"  withdrawn, it counts no more: {episode.withdrawn}"
    if episode.copy_of:
        yield f"  a copy of attempt {episode.copy_of}, which counts in its place"
    if episode.instruction:
        yield f"  task {episode.instruction!r}"
    for note in episode.notes or ():
        yield f"  {_plain([note['code']])}: {note['detail']}"
    yield f"  log {episode.uri}, id {episode.episode_id}"


def _recording(life: Life, asset: AssetFacts) -> Iterator[str]:
    spans = [d for d in life.decisions if d.sha256 == asset.sha256 and d.decision_id in life.now]
    clips = [c for c in life.clips if c.sha256 == asset.sha256]
    sha256, speaker = life.standing.get(asset.uri, ("", None))
    if sha256 != asset.sha256:
        yield f"{asset.uri}: it held these bytes before, sha256 {asset.sha256[:12]}, and counts as what it holds now"
        return
    if speaker not in (None, asset.uri):
        yield f"{asset.uri}: the same bytes as {speaker}, which counts in its place"
        return
    yield f"{asset.uri}: {_headline(life, spans, clips)}"
    yield (
        f"  {asset.stage}, {asset.duration_ns / NS:.1f} s, {asset.codec}, "
        f"{f'licence {asset.licence}' if asset.licence else 'no licence stated'}, sha256 {asset.sha256[:12]}"
    )
    if len(spans) > 1:
        for span in sorted(spans, key=lambda d: d.start_ns):
            yield f"  {_time(span.start_ns)} to {_time(span.end_ns)}  {_sentence(life, span)}"
    for clip in sorted(clips, key=lambda c: c.start_ns):
        if clip.clip_id in life.measures:
            yield f"  clip {_time(clip.start_ns)} to {_time(clip.end_ns)}: {', '.join(life.measures[clip.clip_id])}"
    for span in spans:
        for caption in (c for c in life.captions if c.span_id == span.span_id):
            yield f"  {caption.kind}: {caption.text!r} ({caption.model})"


def _headline(life: Life, spans: Sequence[DecisionFacts], clips: Sequence[ClipFacts]) -> str:
    if not spans:
        return "not judged under this policy: run `handwheel filter`" if clips else "no clip of it under this recipe"
    if len(spans) == 1:
        return _sentence(life, spans[0])
    lengths: Counter[str] = Counter()
    for span in spans:
        verdict, reasons = _verdict(life, span)
        lengths[VERDICTS[verdict] + (f", {_plain(reasons[:1])}" if reasons else "")] += span.end_ns - span.start_ns
    total = sum(lengths.values())
    parts = ", ".join(f"{ns / NS:.1f} s {what}" for what, ns in lengths.most_common())
    return f"{lengths['kept'] / NS:.1f} of {total / NS:.1f} s kept: {parts}"


def _sentence(life: Life, span: DecisionFacts) -> str:
    """`refused, no hands. 0 of 39 samples show a hand; 2 are needed`."""
    verdict, reasons = _verdict(life, span)
    if reasons == ["no_calibration"]:
        return "a robot's, which goes where its attempt goes: no hands are looked for in it"
    head = VERDICTS[verdict] + (f", {_plain(reasons)}" if reasons else "")
    if reasons != span.reasons:  # what another clip has to do with it outranks its own verdict
        pairs = [(d.clip_a, d.clip_b) for d in life.duplicates if span.clip_id in (d.clip_a, d.clip_b)]
        others = sorted({clip for pair in pairs for clip in pair} - {span.clip_id})
        return f"{head}. Clips with the same: {', '.join(others)}" if others else head
    return f"{head}. {why}" if (why := life.whys.get(span.decision_id)) else head


def _verdict(life: Life, span: DecisionFacts) -> tuple[str, list[str]]:
    """Verdict and reasons that hold now; the row's own where none do."""
    verdict, *reasons = life.now.get(span.decision_id, "superseded").split(" ")
    return ("superseded", []) if verdict == "superseded" else (verdict, reasons)


def _refusal(row: RejectFacts) -> str:
    where = row.uri or "what it was made of"
    return f"{where}: refused by {row.stage}, {_plain([row.reason])}" + (f". {row.detail}" if row.detail else "")


def _plain(reasons: Iterable[str]) -> str:
    return ", ".join(reason.replace("_", " ") for reason in reasons)


def _time(ns: int) -> str:
    minutes, seconds = divmod(ns / NS, 60)
    return f"{int(minutes)}:{seconds:04.1f}"
