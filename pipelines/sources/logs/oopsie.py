"""Reader of Oopsie Data's rollouts (`oopsiedata_format_v1`): an HDF5 file an attempt, its videos beside it.

After oopsie-data/oopsie-data-tools (skill/reference/format.md at 2975cbc, annotation_schema.py at 60f3732 and 3ec9e53,
episode_recorder.py at 15db0e2); no real file seen. The profile in the file gives rate, robot and policy. Outcomes are
those of the annotators, persons before models; where persons disagree it is unknown, and noted. Frame i is row i's: the
recorder takes both in one call (lines 149-190), and its encoder, moviepy's, shows the last picture again at some
lengths (193-209).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from infra.readers.hdf5_tree import Arrays
from infra.storage import objects
from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import VECTORS, BadEpisode, LogItem, LogKind, LogOptions, MediaFile
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Note
from pipelines.sources.logs.fields import UNKNOWN, Outcome, json_object, number, text
from pipelines.sources.logs.hdf5_log import Hdf5Log
from pipelines.sources.logs.items import item_of, media_of
from schemas.errors import BadMedia
from schemas.spans import NS

SCHEMA = "oopsiedata_format_v1"
STATES, ACTIONS, VIDEOS = "observations/robot_states", "actions", "observations/video_paths"
ANNOTATIONS = "episode_annotations"
SUCCESS_THRESHOLD = 0.5  # of annotation_schema.py
OUTCOMES = {"success": "success", "success_suboptimal": "success", "success_side_effect": "success",
            "failure": "failure"}  # fmt: skip
# The words of the first taxonomy, as annotation_schema.py reads them.
CATEGORIES = {
    "reaching failure (pre contact)": "reaching", "grasp failure (at contact)": "grasp",
    "manipulation failure (post contact)": "manipulation", "sequencing or semantic failure": "sequencing_semantic",
    "collision failure": "collision", "hardware/mechanical issue": "hardware", "task not attempted": "not_attempted",
}  # fmt: skip
UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+|\.\.+")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a file, with the recordings whose names begin with its own."""
    del options
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    logs = {o.uri.rpartition(".")[0]: o for o in listed if o.uri.lower().endswith(hdf5_log.SUFFIXES)}
    media: dict[str, list[MediaFile]] = defaultdict(list)
    for o in listed:
        if o.uri.lower().endswith(".mp4"):
            ends = [m.start() for m in re.finditer(r"[._/-]", o.uri)]
            if owner := next((stem for end in reversed(ends) if (stem := o.uri[:end]) in logs), None):
                media[owner].append(media_of(o.uri.removeprefix(owner), o))
    for stem, log in logs.items():
        yield item_of(log, log.uri.rpartition("/")[0], tuple(media[stem]))


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's attempt, and the cameras that it is taken without.

    BadMedia: other_format, bad_json, no_rate, no_states_or_actions, missing_video, length_mismatch, bad_hdf5,
    decoder_*.
    """
    del workdir
    with hdf5_log.open_log(item.uri) as log:
        about = log.tree[""].attributes
        if about.get("schema") != SCHEMA:
            raise BadMedia("other_format", f"its schema is {str(about.get('schema'))[:60]}, not {SCHEMA}")
        profile = json_object(str(about.get("robot_profile")).encode(), "robot_profile")
        states = options.columns.state or _numbers(log, STATES, profile.get("robot_state_keys"))
        actions = options.columns.action or _numbers(log, ACTIONS, profile.get("action_space"))
        arrays = log.arrays([*states, *actions, *(f"{VIDEOS}/{c}" for c in log.children(VIDEOS))])
        outcome, blamed, notes = _outcome(log)
    first = next((a for n in (*states, *actions) if (a := arrays.numbers.get(n)) is not None and a.ndim), None)
    if first is None:
        raise BadMedia("no_states_or_actions", "neither states nor actions hold anything")
    name = UNSAFE.sub("_", text(dict(about), "episode_id") or Path(item.uri).stem)
    rate_hz = hdf5_log.rate_hz(options, number(profile, "control_freq"))
    cameras, left = _cameras(item, arrays, name, round(len(first) * NS / rate_hz))
    if not cameras:
        raise BadMedia("missing_video", left[0].detail if left else f"none in {VIDEOS}")
    facts = AttemptFacts(
        name=name, t_ns=even_times(len(first), rate_hz), fps_hz=rate_hz, cameras=cameras,
        states=hdf5_log.columns_of(arrays.numbers, "", states, len(first)),
        actions=hdf5_log.columns_of(arrays.numbers, "", actions, len(first)),
        state_names=hdf5_log.short_axes_of(arrays.numbers, states),
        action_names=hdf5_log.short_axes_of(arrays.numbers, actions),
        embodiment=UNSAFE.sub("_", text(profile, "robot_name") or "unknown"), policy_id=text(profile, "policy_name"),
        scene=text(dict(about), "lab_id"), instruction=text(dict(about), "language_instruction"), outcome=outcome,
        failure_mode=blamed, collect_mode="autonomous", notes=notes,
    )  # fmt: skip
    yield attempt_of(facts, item, options)
    yield from left


def _numbers(log: Hdf5Log, group: str, order: Any) -> tuple[str, ...]:
    """Arrays of a group that hold something, in the profile's order; those that it does not name come behind."""
    filled = [n for n, node in log.children(group).items() if node.is_numbers and node.shape and node.shape[0]]
    first = [n for n in order if n in filled] if isinstance(order, list) else []
    return tuple(f"{group}/{n}" for n in dict.fromkeys([*first, *sorted(filled)]))


def _cameras(item: LogItem, arrays: Arrays, name: str, end_ns: int) -> tuple[tuple[CameraSpan, ...], list[BadEpisode]]:
    """Cameras by the paths in the file, relative to it, and those whose recording is not there."""
    there = {m.uri for m in item.media}
    spans, left = list[CameraSpan](), list[BadEpisode]()
    for where, paths in arrays.texts.items():
        camera, path = where.rpartition("/")[2], PurePosixPath(paths[0] if paths else "")
        uri = f"{item.uri.rpartition('/')[0]}/{path}"
        if uri in there and ".." not in path.parts:
            spans.append(CameraSpan(camera=camera, uri=uri, start_ns=0, end_ns=end_ns, alone=True, spare_frames=1))
        else:
            left.append(BadEpisode(name=f"{name}/camera {camera}", reason="missing_camera", detail=f"{path} beside it"))
    return tuple(spans), left


def _outcome(log: Hdf5Log) -> tuple[Outcome, str | None, tuple[Note, ...]]:
    """What the annotators say: persons, else models; the category that a failure has; whether they disagree."""
    votes: dict[str, set[str]] = {"human": set(), "vlm": set()}
    blamed: str | None = None
    for who in sorted(log.children(ANNOTATIONS)):
        about = log.tree[f"{ANNOTATIONS}/{who}"].attributes
        taxonomy = _taxonomy(about)
        outcome = OUTCOMES.get(str(taxonomy.get("outcome")).strip().lower())
        success = about.get("success")
        if outcome is None and isinstance(success, int | float):
            outcome = "success" if success >= SUCCESS_THRESHOLD else "failure"
        if outcome is None:
            continue
        votes["human" if about.get("source", "human") == "human" else "vlm"].add(outcome)
        if outcome == "failure":
            blamed = blamed or _category(taxonomy)
    source = next((s for s, of in votes.items() if of), None)
    if source is None:
        return UNKNOWN, None, ()
    if len(votes[source]) > 1:
        return UNKNOWN, None, (Note(code="labels_disagree", detail="annotators gave success and failure"),)
    return (votes[source].pop(), source, None), blamed, ()


def _category(taxonomy: Mapping[str, Any]) -> str | None:
    """The first that is named: a list or a word, under the key of the file's version."""
    named = taxonomy.get("side_effect_category", taxonomy.get("failure_category"))
    first = next((str(c).strip() for c in named if c), None) if isinstance(named, list) else named
    return CATEGORIES.get(first.lower(), first) if isinstance(first, str) and first.strip() else None


def _taxonomy(about: Mapping[str, Any]) -> Mapping[str, Any]:
    stated = about.get("taxonomy")
    return json_object(stated.encode(), "taxonomy") if isinstance(stated, str) and stated.strip() else {}


KIND = LogKind("oopsie", list_logs, read, version=2, holds=hdf5_log.holds, columns=VECTORS)
