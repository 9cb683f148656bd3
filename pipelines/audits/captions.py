"""captions: do the texts of kept spans and attempts say what was done, with what, by which hand, how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.audits import lexicon
from pipelines.audits.corpus_truth import Joined, Recording, nothing_joined
from pipelines.audits.result import Example, Result, chosen
from pipelines.audits.tally import Metric, Tally
from pipelines.corpus.captions import CaptionText, bases, captions_of
from schemas import Decision
from schemas.spans import NS
from schemas.truth import TaskTruth

LIMITS = {"L1": 5, "L2": 15, "L3": 30, "L4": 50, "L5": 100, "achieved": 50}  # words
GIVEN = ("instruction", "original")  # of the source; an instruction says what should be, not what was
NAMES_THE_ACT = ("L1", "L2", "L3", "original", "instruction")  # longer ones tell its steps, `achieved` what came of it
IDLE = ("none", "rest", "wait")
SPANS_AT_ONCE = 256

METRICS = (
    Metric("verb", "captions up to L3 that say what was done"),
    Metric("object", "captions that name the object (L1: or its target)"),
    Metric("colour", "colours said of the object that are its own"),
    Metric("side", "acting hands named that do act"),
    Metric("failure_told", "written captions of failures that read as one"),
    Metric("success_told", "written captions of successes that do not read as a failure"),
    Metric("length", "captions within their level's words"),
    Metric("all", "captions that pass every check"),
)  # fmt: skip


def audit(joined: Joined) -> Result:
    """Current captions of every span whose recording has truth."""
    tally, examples, spans = Tally(), [], 0
    unmatched = {"spans_without_caption": 0, "spans_without_task": 0} | joined.unmatched
    for recording in joined.recordings:
        for span, captions in _spans(joined, recording):
            task = task_of(recording, span.start_ns, span.end_ns)
            if not captions:
                unmatched["spans_without_caption"] += span.verdict == "accept"
            elif task is None:
                unmatched["spans_without_task"] += 1
            else:
                spans += 1
                judged = (judge(recording, span, task, caption, tally) for caption in captions)
                examples += [example for example in judged if example is not None]
    if not spans:
        raise nothing_joined(joined, f"no captioned span ({unmatched['spans_without_task']} without a task)")
    return Result(
        "captions", spans, METRICS, tally.metrics(METRICS), tally.by(METRICS), unmatched, chosen(examples),
        {r.sha256: r.uri for r in joined.recordings},
    )  # fmt: skip


def _spans(joined: Joined, recording: Recording) -> Iterator[tuple[Decision, list[CaptionText]]]:
    """The recording's decided spans with their current captions."""
    decided = joined.decided(recording)
    for i in range(0, len(decided), SPANS_AT_ONCE):
        some = decided[i : i + SPANS_AT_ONCE]
        now = bases(joined.assets, joined.store, some)
        captions = captions_of(joined.store, [span.span_id for span in some])
        for span in some:
            own = captions.get((span.span_id, now[span.span_id]), [])
            yield span, sorted(own, key=lambda c: (c.model, c.kind, c.text))


def task_of(recording: Recording, start_ns: int, end_ns: int) -> TaskTruth | None:
    """The task that overlaps a span most; None where nothing is done in it."""
    tasks = [t for s in recording.truth.head.shots for t in s.tasks if t.verb not in IDLE]
    overlaps = [(min(t.end_ns, end_ns) - max(t.start_ns, start_ns), -i) for i, t in enumerate(tasks)]
    longest, at = max(overlaps, default=(0, 0))
    return tasks[-at] if longest > 0 else None


def judge(recording: Recording, span: Decision, task: TaskTruth, caption: CaptionText, tally: Tally) -> Example | None:
    """Marks of one caption; an example where a check failed."""
    checks = checks_of(caption.kind, caption.text, task)
    shot = recording.shot_at((max(span.start_ns, task.start_ns) + min(span.end_ns, task.end_ns)) // 2)
    axes = {
        "kind": caption.kind,
        "model": caption.model.split("/")[0],
        "stage": recording.stage,
        "true verb": task.verb,
        "true object": task.object or "nothing",
        "true outcome": {None: "nothing tried", True: "success", False: "failure"}[task.success],
    }
    for name, passed in (checks | {"all": all(checks.values())}).items():
        tally.add(name, float(passed), 1, recording.cluster(shot), axes)
    failed = [name for name, passed in checks.items() if not passed]
    if not failed:
        return None
    texts = [(caption.kind, caption.text), ("truth", task.captions.get(caption.kind) or task_words(task))]
    place = (span.start_ns, span.end_ns)
    kind = f"wrong {failed[0].replace('_', ' ')}"
    words = f"fails {', '.join(failed).replace('_', ' ')} ({caption.model})"
    return Example(
        kind, recording.sha256, *place, words, recording.clips_in(*place), float(len(failed)), (), tuple(texts)
    )  # fmt: skip


def checks_of(kind: str, text: str, task: TaskTruth) -> dict[str, bool]:
    """What can be checked of a caption, and whether it holds; metrics' names."""
    checks = {"verb": lexicon.verb_said(text, task.verb)} if kind in NAMES_THE_ACT else {}
    if task.object:
        short_of_words = kind == "L1" and task.target is not None and lexicon.noun_said(text, task.target)
        checks["object"] = short_of_words or lexicon.noun_said(text, task.object)
        colours = lexicon.colours_of(text, task.object)
        true = lexicon.COLOURS.get((task.colour or "").lower(), (task.colour or "").lower())
        if task.colour and colours:
            checks["colour"] = true in colours
    acting = frozenset(side for side, role in task.roles.items() if role in ("acts", "gestures"))
    helping = acting | {side for side, role in task.roles.items() if role == "helps"}
    if acting and task.object and (sides := lexicon.sides_said(text, task.object)):
        checks["side"] = bool(sides & acting) and sides <= helping
    if kind not in GIVEN and task.success is not None:
        name, words = ("success_told", lexicon.FAILED) if task.success else ("failure_told", lexicon.FAILING)
        checks[name] = lexicon.says(text, words) != task.success
    if kind in LIMITS:
        checks["length"] = len(text.split()) <= LIMITS[kind]
    return checks


def task_words(task: TaskTruth) -> str:
    """A task in few words, where truth has no caption of the kind."""
    what = " ".join(filter(None, (task.verb, task.colour, task.object, f"to {task.target}" if task.target else None)))
    end = {None: "", True: ", success", False: f", failure ({task.failure_cause or 'no cause given'})"}[task.success]
    roles = ", ".join(f"{side} hand {role}" for side, role in sorted(task.roles.items()))
    return f"{what}{end}; {task.start_ns / NS:.1f} to {task.end_ns / NS:.1f} s{'; ' + roles if roles else ''}"
