"""Reader of RoboArena's evaluation dumps: `evaluation_sessions/<session>/<letter>_<policy>/` with its npz and videos.

After the makers' client and server (pranavatreya/roboarena_evaluator at 5992b26, evaluation_client/main.py;
pranavatreya/roboarena_backend at ca7b811) and the cards of RoboArena/DataDump_*; no real file seen. An item is a
session, an attempt is one policy's part of it. The client takes a picture of each camera and a row in one turn of its
loop, which runs at 15 Hz, and writes the pictures as a film of 10 Hz, whose encoder shows the last one again at some
lengths: frame i is row i's. A session's evaluator gives each policy a score of 0 to 1, of which binary_success is 1
alone, and says which one was better; score, preference and feedback are notes. Who the evaluator was is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from infra.readers import npz_rows, yaml_mapping
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.sources.logs import message_logs
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import NUMBERS, VECTORS, BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Floats, Note
from pipelines.sources.logs.fields import UNKNOWN, Outcome, number, outcome_word, text
from pipelines.sources.logs.items import attempt_name, media_of
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia
from schemas.spans import NS

RATE_HZ = 15.0  # of the client's loop (main.py, line 424)
FILM_HZ = 10  # of its films (484)
FOLDER = re.compile(r"(?P<session>.*)/(?P<name>(?P<letter>[A-Z])_(?P<policy>[^/]+))/(?P<file>[^/]+\.(?:npz|mp4))")
CAMERA = re.compile(r"(?:.*_)?(left|right|wrist)(?:_shoulder)?\.mp4")
SESSIONS, SESSION, GLOBAL = "evaluation_sessions", "metadata.yaml", "global_metadata.yaml"
STATES = ("joint_position", "cartesian_position", "gripper_position")
ACTIONS = ("action",)
Words = Mapping[str, Any]  # of a file of metadata


@dataclass(frozen=True, slots=True)
class Rollout:
    """One policy's folder of a session: its files, and what the session's metadata say of it."""

    place: re.Match[str]
    npz: tuple[str, ...]
    videos: tuple[str, ...]
    words: Words

    @property
    def name(self) -> str:
        """Of its attempt."""
        return attempt_name(f"{self.place['session'].rpartition('/')[2]}_{self.place['name']}")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a session, with the videos of its policies; both files of metadata are part of its revision."""
    del options
    sessions: dict[str, list[ObjectInfo]] = {}
    for info in objects.list_objects(uri.rstrip("/") + "/"):
        folder, _, name = info.uri.rpartition("/")
        place = FOLDER.fullmatch(info.uri)
        session = place["session"] if place else folder
        if place or name == SESSION:
            sessions.setdefault(session, []).append(info)
    about: dict[str, list[ObjectInfo]] = {}
    for session, files in sorted(sessions.items()):
        root, _, above = session.rpartition("/")[0].rpartition("/")
        if above != SESSIONS:
            root = f"{root}/{above}"
            if not any(f.uri.endswith(".npz") for f in files):
                continue  # bags have a metadata.yaml too
        if root not in about:
            about[root] = [objects.info(uri) for uri in [f"{root}/{GLOBAL}"] if objects.exists(uri)]
        media = tuple(media_of(_camera(f.uri), f) for f in files if f.uri.endswith(".mp4"))
        yield replace(message_logs.item_of(session, root, [*files, *about[root]]), media=media)


def _camera(uri: str) -> str:
    name = uri.rpartition("/")[2]
    return match[1] if (match := CAMERA.fullmatch(name)) else attempt_name(name.removesuffix(".mp4"))


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The session's attempts, those that cannot be read with why, and the metadata and cameras that are left out."""
    del workdir
    session = Parts(attempt_name(item.uri.rpartition("/")[2]))
    about = session.take(SESSION, partial(_read_words, f"{item.uri}/{SESSION}")) or {}
    spaces = session.take(GLOBAL, partial(_read_words, f"{item.root}/{GLOBAL}")) or {}
    announced = {str(k): v for k, v in _mapping(about, "policies").items() if isinstance(v, dict)}
    for rollout in _rollouts(item, announced):
        parts = Parts(rollout.name)
        try:
            yield _attempt(rollout, about, spaces, item, options, parts)
        except BadMedia as e:
            yield BadEpisode(name=rollout.name, reason=e.reason, detail=e.detail)
        yield from parts.refused
        announced.pop(rollout.place["letter"], None)
    for letter, words in announced.items():
        session.refuse(
            f"policy {letter}", "missing_file", f"{SESSION} names {words.get('policy_name')}: no folder of it"
        )
    yield from session.refused


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """What the rows of the first policy hold. BadMedia: npz_rows.read's."""
    del options
    npz = next((uri for rollout in _rollouts(item, {}) for uri in rollout.npz), None)
    if npz is None:
        return []
    with log_pictures.local_log(npz) as path:
        rows = npz_rows.read(path, npz_rows.read(path, ()).names)
    widths = {name: column.shape[1] for name, column in rows.columns.items()}
    return [LogField(name=n, kind=NUMBERS, about=f"{w} a step", width=w) for n, w in widths.items()]


def _read_words(uri: str) -> Words:
    """What a file of metadata says. BadMedia: missing_file, bad_metadata."""
    try:
        return cast(Words, yaml_mapping.parse(objects.read_bytes(uri)))
    except FileNotFoundError as e:
        raise BadMedia("missing_file", uri.rpartition("/")[2]) from e


def _mapping(words: Words, key: str) -> Words:
    """A mapping within, empty where there is none."""
    value = words.get(key)
    return value if isinstance(value, dict) else {}


def _rollouts(item: LogItem, announced: Mapping[str, Words]) -> Iterator[Rollout]:
    files: dict[str, list[re.Match[str]]] = {}
    for info in objects.list_objects(item.uri + "/"):
        if (place := FOLDER.fullmatch(info.uri)) and place["session"] == item.uri:
            files.setdefault(place["name"], []).append(place)
    for _, places in sorted(files.items()):
        uris = [p.string for p in places]
        npz, videos = (tuple(u for u in uris if u.endswith(end)) for end in (".npz", ".mp4"))
        yield Rollout(places[0], npz, videos, announced.get(places[0]["letter"], {}))


def _attempt(
    rollout: Rollout, about: Words, spaces: Words, item: LogItem, options: LogOptions, parts: Parts
) -> EpisodeLog:
    """BadMedia: missing_file, several_logs, missing_video, no_states_or_actions, npz_rows.read's and EpisodeLog's."""
    if len(rollout.npz) != 1:
        reason = "several_logs" if rollout.npz else "missing_file"
        raise BadMedia(reason, f"{len(rollout.npz)} .npz files in {rollout.place['name']}, where one is expected")
    states, actions = options.columns.state or STATES, options.columns.action or ACTIONS
    with log_pictures.local_log(rollout.npz[0]) as path:
        rows = npz_rows.read(path, list(dict.fromkeys([*states, *actions])))
    if missing := [n for n in (*states, *actions) if n not in rows.columns]:
        raise BadMedia("no_states_or_actions", f"no {', '.join(missing)}; there are {', '.join(rows.names)[:300]}")
    count, policy = len(rows.columns[states[0]]), text(rollout.words, "policy_name") or rollout.place["policy"]
    space = _mapping(_mapping(spaces, "policy_index"), policy).get("action_space")
    if not isinstance(space, str):
        parts.note("action_space_unknown", f"{GLOBAL} does not say whether {policy} commands positions or velocities")
    facts = AttemptFacts(
        name=rollout.name, t_ns=even_times(count, options.fps_hz or RATE_HZ), fps_hz=options.fps_hz or RATE_HZ,
        states=_beside(rows.columns, states), state_names=_axes(rows.columns, states),
        actions=_beside(rows.columns, actions), action_names=_action_names(rows.columns, actions, space),
        cameras=_cameras(rollout, count, parts), embodiment="franka", scene=text(about, "evaluation_location"),
        instruction=text(about, "language_instruction"), policy_id=policy, collect_mode="autonomous",
        outcome=parts.take("outcome", partial(_outcome, rollout.words, parts)) or UNKNOWN,
        notes=(*_notes(rollout, about, count), *parts.notes),
    )  # fmt: skip
    return attempt_of(facts, item, options)


def _beside(columns: Mapping[str, npz_rows.Numbers], names: Sequence[str]) -> Floats:
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([columns[n].astype(np.float32) for n in names], axis=1)


def _axes(columns: Mapping[str, npz_rows.Numbers], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{n}.{i}" if columns[n].shape[1] > 1 else n for n in names for i in range(columns[n].shape[1]))


def _action_names(columns: Mapping[str, npz_rows.Numbers], names: Sequence[str], space: object) -> tuple[str, ...]:
    """`action` is a command in the policy's space with the gripper's behind it: axes of other units have other names,
    so that no view mixes them."""
    if tuple(names) != ACTIONS or not isinstance(space, str) or columns["action"].shape[1] < 2:
        return _axes(columns, names)
    return (*(f"{space}.{i}" for i in range(columns["action"].shape[1] - 1)), "gripper_position")


def _cameras(rollout: Rollout, count: int, parts: Parts) -> tuple[CameraSpan, ...]:
    """BadMedia(missing_video): there is none; two of one camera cost that camera."""
    by_camera: dict[str, list[str]] = {}
    for uri in rollout.videos:
        by_camera.setdefault(_camera(uri), []).append(uri)
    for camera in [c for c, uris in by_camera.items() if len(uris) > 1]:
        parts.refuse(f"camera {camera}", "several_recordings", f"{len(by_camera.pop(camera))} videos of it")
    if not by_camera:
        raise BadMedia("missing_video", f"no mp4 in {rollout.place['name']} that is its camera's only one")
    end_ns = round(count * NS / FILM_HZ)
    return tuple(
        CameraSpan(camera=camera, uri=uri, start_ns=0, end_ns=end_ns, alone=True, spare_frames=1)
        for camera, (uri,) in sorted(by_camera.items())
    )


def _outcome(words: Words, parts: Parts) -> Outcome:
    """The evaluator's: binary_success, else the ends of the score. BadMedia: bad_header."""
    score, stated = number(words, "partial_success"), words.get("binary_success")
    if score is not None and not 0 <= score <= 1:
        raise BadMedia("bad_header", f"partial_success is {score}, no number from 0 to 1")
    word = outcome_word(stated)
    if word == "unknown" and score in (0, 1):
        word = "success" if score else "failure"
    if score is not None and (word == "success") != (score == 1) and stated is not None:
        parts.note("labels_disagree", f"binary_success is {stated}, partial_success {score:g}")
        word = "unknown" if score in (0, 1) else word
    return UNKNOWN if word == "unknown" else (word, "human", None)


def _notes(rollout: Rollout, about: Words, count: int) -> Iterator[Note]:
    """What the evaluator says besides, and a length that contradicts the rows."""
    score, preference = rollout.words.get("partial_success"), text(about, "preference")
    if isinstance(score, int | float):
        yield Note(code="partial_success", detail=f"{score:g} of 1, by the evaluator")
    if preference:
        which = "neither policy" if preference.upper() == "TIE" else preference
        detail = f"the evaluator preferred {which} of the session's policies; this is {rollout.place['letter']}"
        yield Note(code="preference", detail=detail)
    if feedback := about.get("longform_feedback"):
        yield Note(code="feedback", detail=str(feedback)[:1000])
    last = rollout.words.get("duration")
    if isinstance(last, int) and last != count - 1:
        yield Note(code="other_length", detail=f"duration says that step {last} was the last, there are {count} rows")


KIND = LogKind("roboarena", list_logs, read, holds=holds, columns=VECTORS)
