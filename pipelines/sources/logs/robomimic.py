"""Reader of demonstrations as robomimic and Isaac Lab keep them: `data/demo_<n>` in an HDF5 file.

Checked against robomimic v0.3 to v0.5 and Isaac Lab's HDF5DatasetFileHandler. Row k of `obs` is what was there before
action k. Success is the attribute `success` of a demo (Isaac Lab, whose failures lie in `<name>_failed.hdf5`), else
sparse rewards of 0 and 1, where any demo of the file has one. Splits are the lists `mask/train`, `valid` and `test`.
The rate is `env_args.env_kwargs.control_freq` (robosuite) or `env_args.sim_args` (dt and decimation); else
`[[robot]] fps_hz` has to say it. Demos without pictures (robomimic's low_dim files) are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra.readers.hdf5_tree import Arrays, Node
from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Note
from pipelines.sources.logs.fields import UNKNOWN, Outcome, is_yes, json_object, outcome_word
from pipelines.sources.logs.hdf5_log import Hdf5Log
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia

FAILED = "_failed"
DEMOS_AT_ONCE = 64
# What the robot feels of itself, in the names of robosuite's (`robot0_`) and Isaac Lab's environments.
PROPRIOCEPTION = ("joint_pos", "eef_pos", "eef_quat", "gripper_qpos", "gripper_pos")
SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}
NO_PICTURES = "low_dim observations and no pictures: render them (robomimic: dataset_states_to_obs.py --camera_names)"


@dataclass(frozen=True, slots=True)
class DemoFile:
    """A file of demonstrations, with what holds for all of them."""

    log: Hdf5Log
    options: LogOptions
    rate_hz: float
    embodiment: str | None
    split_of: Mapping[str, str] = field(default_factory=dict)
    nowhere: frozenset[str] = frozenset()  # columns that the config names and no demo has
    has_success: bool = False  # some demo has a reward, so that none is a failure


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a file, a data set of its own: two files' demo_0 are two attempts."""
    del options
    for info in hdf5_log.list_files(uri):
        yield hdf5_log.item_of(info, root=info.uri)


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's demos in the order of their numbers.

    BadMedia: other_format, no_pictures, no_rate, bad_json, bad_hdf5, lfs_pointer, decoder_*.
    """
    del workdir
    with hdf5_log.open_log(item.uri) as log:
        demos = _demos(log)
        nodes = log.grouped("data")
        if not any(_cameras(nodes[demo], options) for demo in demos):
            raise BadMedia("no_pictures", NO_PICTURES)
        file = replace(_open(log, options, demos), nowhere=_nowhere(log, options, {d: nodes[d] for d in demos}))
        for at in range(0, len(demos), DEMOS_AT_ONCE):
            batch = {demo: nodes[demo] for demo in demos[at : at + DEMOS_AT_ONCE]}
            wanted = [f"data/{d}/{p}" for d, below in batch.items() for p in _wanted(below, options)]
            arrays = log.arrays(wanted)
            for demo, below in batch.items():
                yield from _demo(file, demo, below, arrays, item)


def _demos(log: Hdf5Log) -> list[str]:
    """In the order of their numbers. BadMedia(other_format): there is none."""
    demos = [n for n, node in log.children("data").items() if node.kind == "group" and re.fullmatch(r"demo_\d+", n)]
    if not demos:
        raise BadMedia("other_format", "no group data/demo_<n>: neither robomimic nor Isaac Lab wrote this")
    return sorted(demos, key=hdf5_log.last_number)


def describe(item: LogItem, options: LogOptions) -> dict[str, str]:
    """What the file says of itself. BadMedia: other_format, bad_hdf5, lfs_pointer, decoder_*."""
    del options
    with hdf5_log.open_log(item.uri) as log:
        stated, demos = log.tree["data"].attributes if "data" in log.tree else {}, _demos(log)
    words = [f"{name} {str(stated[name])[:80]}" for name in ("env_args", "env_name", "total") if name in stated]
    return {"announced": ", ".join([f"{len(demos)} demos", *words])}


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """What the first demo holds. BadMedia: as describe."""
    del options
    with hdf5_log.open_log(item.uri) as log:
        return hdf5_log.fields_below(log, f"data/{_demos(log)[0]}")


def _open(log: Hdf5Log, options: LogOptions, demos: Sequence[str]) -> DemoFile:
    stated = log.tree["data"].attributes.get("env_args")
    env_args = json_object(stated.encode(), "data env_args") if isinstance(stated, str) else {}
    kwargs = env_args.get("env_kwargs")
    robots = kwargs.get("robots") if isinstance(kwargs, dict) else None
    if isinstance(robots, list) and all(isinstance(r, str) for r in robots):
        robots = "_".join(robots) or None
    masks = [n for n in log.children("mask") if n in SPLITS]
    members = log.arrays([f"mask/{n}" for n in masks]).texts if masks else {}
    rewards = log.arrays([f"data/{d}/rewards" for d in demos if f"data/{d}/rewards" in log.tree])
    return DemoFile(
        log=log,
        options=options,
        rate_hz=hdf5_log.rate_hz(options, _stated_rate(env_args)),
        embodiment=robots if isinstance(robots, str) else None,
        split_of={demo: SPLITS[n] for n in masks for demo in members.get(f"mask/{n}", ())},
        has_success=any(_is_sparse(r) and (r == 1).any() for r in rewards.numbers.values()),
    )


def _nowhere(log: Hdf5Log, options: LogOptions, nodes: Mapping[str, Mapping[str, Node]]) -> frozenset[str]:
    """Columns of labels that the config names and no demo of the file has."""
    named = {options.columns.outcome, options.columns.discarded} - {None}
    about = {demo: log.tree[f"data/{demo}"] for demo in nodes}
    return frozenset(n for n in named if n and not any(hdf5_log.says(b, about[d], n) for d, b in nodes.items()))


def _stated_rate(env_args: Mapping[str, Any]) -> float | None:
    """Hz by robosuite's control_freq, or by Isaac Lab's dt (s) and decimation."""
    for about in (env_args.get("env_kwargs"), env_args.get("sim_args")):
        if not isinstance(about, dict):
            continue
        freq, dt, every = about.get("control_freq"), about.get("dt"), about.get("decimation")
        if isinstance(freq, int | float) and freq > 0:
            return float(freq)
        if isinstance(dt, int | float) and isinstance(every, int) and dt > 0 and every > 0:
            return round(1 / (dt * every), 6)
    return None


def _cameras(below: Mapping[str, Node], options: LogOptions) -> dict[str, str]:
    """Camera -> path below the demo: as the config says, else every picture of `obs`."""
    if options.columns.cameras:
        return dict(options.columns.cameras)
    pictures = [p for p, node in below.items() if re.fullmatch(r"obs/[^/]+", p) and hdf5_log.is_pictures(node)]
    return {p.removeprefix("obs/").removesuffix("_image"): p for p in sorted(pictures)}


def _states(below: Mapping[str, Node], options: LogOptions) -> list[str]:
    """Paths below the demo of what makes the state."""
    if options.columns.state:
        return list(options.columns.state)
    felt = [p for p, node in below.items() if re.fullmatch(r"obs/[^/]+", p) and node.is_numbers]
    known = [
        (m[1], PROPRIOCEPTION.index(m[2]), p)
        for p in felt
        if (m := re.fullmatch(r"obs/((?:robot\d+_)?)(\w+)", p)) and m[2] in PROPRIOCEPTION
    ]
    if known:
        return [p for _, _, p in sorted(known)]
    return sorted(p for p in felt if len(below[p].shape or ()) <= 2 and not hdf5_log.is_pictures(below[p]))


def _wanted(below: Mapping[str, Node], options: LogOptions) -> list[str]:
    stated = [options.columns.outcome, options.columns.task, options.columns.discarded, "rewards", "dones"]
    names = [*_states(below, options), *(options.columns.action or ("actions",)), *filter(None, stated)]
    return [n for n in dict.fromkeys(names) if (node := below.get(n)) and (node.is_numbers or node.kind == "text")]


def _demo(
    file: DemoFile, demo: str, below: Mapping[str, Node], arrays: Arrays, item: LogItem
) -> Iterator[EpisodeLog | BadEpisode]:
    prefix, options, parts = f"data/{demo}/", file.options, Parts(demo)
    try:
        _check_kept(file, demo, below, arrays, parts)
        names = options.columns.action or ("actions",)
        first = arrays.numbers.get(prefix + names[0])
        if first is None or not first.ndim:
            raise arrays.bad.get(prefix + names[0]) or BadMedia("no_states_or_actions", f"{names[0]} is not there")
        count, states = len(first), _states(below, options)
        cameras, left = _spans(file, demo, below, count)
        if not cameras:
            raise BadMedia("no_pictures", f"no camera of it can be used: {left[0].detail}" if left else NO_PICTURES)
        rewards = arrays.numbers.get(prefix + "rewards")
        dones = arrays.numbers.get(prefix + "dones")
        outcome = parts.take("outcome", partial(_outcome, file, demo, below, arrays, rewards))
        task = parts.take("task", partial(_stated, file, demo, arrays, options.columns.task))
        facts = AttemptFacts(
            name=demo, t_ns=even_times(count, file.rate_hz), fps_hz=file.rate_hz,
            states=hdf5_log.columns_of(arrays.numbers, prefix, states, count),
            actions=hdf5_log.columns_of(arrays.numbers, prefix, names, count),
            state_names=tuple(n.removeprefix("obs/") for n in hdf5_log.axes_of(arrays.numbers, prefix, states)),
            cameras=cameras, embodiment=file.embodiment, outcome=outcome or UNKNOWN,
            instruction=str(task) if task else None,
            reward=rewards if rewards is not None and rewards.shape == (count,) else None,
            done=None if dones is None or dones.shape != (count,) else dones != 0,
            split=file.split_of.get(demo), ever_succeeded=_ever(rewards),
            notes=_notes(file.log.tree[f"data/{demo}"].attributes, count),
        )  # fmt: skip
        yield attempt_of(facts, item, options)
        yield from (*left, *parts.refused)
    except BadMedia as e:
        yield BadEpisode(name=demo, reason=e.reason, detail=e.detail)


def _spans(
    file: DemoFile, demo: str, below: Mapping[str, Node], count: int
) -> tuple[tuple[CameraSpan, ...], list[BadEpisode]]:
    """Cameras that can be used, and why others cannot."""
    spans, left = list[CameraSpan](), list[BadEpisode]()
    for camera, where in _cameras(below, file.options).items():
        try:
            spans.append(hdf5_log.camera_within(file.log, camera, f"data/{demo}/{where}", count, file.rate_hz))
        except BadMedia as e:
            left.append(BadEpisode(name=f"{demo}/camera {camera}", reason=e.reason, detail=e.detail))
    for path, node in below.items():
        if re.fullmatch(r"obs/[^/]+", path) and node.shape and len(node.shape) == 4 and node.shape[3] == 1:
            left.append(
                BadEpisode(name=f"{demo}/camera {path.removeprefix('obs/')}", reason="depth_camera",
                           detail=f"{path} holds distances; it is no camera of a view")
            )  # fmt: skip
    return tuple(spans), left


def _stated(file: DemoFile, demo: str, arrays: Arrays, where: str | None) -> object:
    """What the config's column says of a demo: see hdf5_log.stated."""
    return hdf5_log.stated(file.log.tree[f"data/{demo}"], arrays, f"data/{demo}/", where) if where else None


def _check_kept(file: DemoFile, demo: str, below: Mapping[str, Node], arrays: Arrays, parts: Parts) -> None:
    """BadMedia: discarded; bad_header (a flag that says neither). One that no demo has is a part that is left out."""
    named = file.options.columns.discarded
    if named in file.nowhere:
        error = hdf5_log.no_such_column("discarded", named, below, file.log.tree[f"data/{demo}"])
        parts.refuse("discarded", error.reason, error.detail)
    elif is_yes(why := _stated(file, demo, arrays, named)):
        raise BadMedia("discarded", f"{named} is {why}")


def _outcome(
    file: DemoFile, demo: str, below: Mapping[str, Node], arrays: Arrays, rewards: np.ndarray | None
) -> Outcome:
    """As the column or attribute says, else the file's name, else sparse rewards. The simulator judges.

    BadMedia: no_such_column, bad_header.
    """
    named = file.options.columns.outcome
    if named in file.nowhere:
        raise hdf5_log.no_such_column("outcome", named, below, file.log.tree[f"data/{demo}"])
    if (stated := _stated(file, demo, arrays, named or "success")) is not None:
        word = outcome_word(stated)
        return UNKNOWN if word == "unknown" else (word, "sim", 1.0)
    if Path(file.log.uri).stem.endswith(FAILED):
        return "failure", "sim", 1.0
    if not file.has_success or rewards is None or not _is_sparse(rewards):
        return UNKNOWN
    return ("success" if rewards.reshape(-1)[-1] == 1 else "failure"), "sim", 1.0


def _is_sparse(rewards: np.ndarray) -> bool:
    return bool(rewards.size) and bool(np.isin(rewards, (0, 1)).all())


def _ever(rewards: np.ndarray | None) -> bool | None:
    return True if rewards is not None and _is_sparse(rewards) and (rewards == 1).any() else None


def _notes(attributes: Mapping[str, object], count: int) -> tuple[Note, ...]:
    stated = attributes.get("num_samples")
    if isinstance(stated, int) and stated != count:
        return (Note(code="other_length", detail=f"num_samples says {stated}, there are {count} actions"),)
    return ()


KIND = LogKind("robomimic", list_logs, read, version=3, describe=describe, holds=holds)
