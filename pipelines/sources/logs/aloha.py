"""Reader of ALOHA, ACT and Mobile ALOHA logs: an HDF5 file an attempt, `episode_<n>.hdf5`.

Checked against the writers of tonyzhaozh/act and MarkFzp/act-plus-plus. `action`, `observations/qpos` and
`observations/images/<camera>`: raw pictures, or JPEG rows filled up with zeros. `base_action` (forward and turning
speed) is part of the action. No rate is stated: ACT's recorders run at 50 Hz, `[[robot]] fps_hz` says another one.
Raw pictures are taken as OpenCV has them, BGR; `columns.cameras` says otherwise with `?order=rgb`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from infra.readers.hdf5_tree import Node
from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.fields import UNKNOWN, Outcome, is_yes, outcome_word
from pipelines.sources.logs.hdf5_log import Hdf5Log
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia

RATE_HZ = 50.0  # DT = 0.02 in constants.py of both repositories
IMAGES = "observations/images"
STATES = ("observations/qpos",)


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a file; those of a folder are a data set."""
    del options
    for info in hdf5_log.list_files(uri):
        yield hdf5_log.item_of(info, root=info.uri.rpartition("/")[0])


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's attempt, and the cameras and labels that it is taken without.

    BadMedia: other_format, no_pictures, discarded, bad_header, missing_array, length_mismatch, bad_hdf5,
    lfs_pointer, decoder_*.
    """
    del workdir
    with hdf5_log.open_log(item.uri) as log:
        if not options.columns.action and not ("action" in log.tree and "observations" in log.tree):
            raise BadMedia("other_format", "no `action` and `observations`: not of ALOHA's or ACT's recorders")
        yield from _attempt(log, Path(item.uri).stem, item, options)


def _attempt(log: Hdf5Log, name: str, item: LogItem, options: LogOptions) -> Iterator[EpisodeLog | BadEpisode]:
    columns, rate_hz = options.columns, options.fps_hz or RATE_HZ
    parts = Parts(name)
    if columns.discarded and not hdf5_log.says(log.tree, log.tree[""], columns.discarded):
        error = hdf5_log.no_such_column("discarded", columns.discarded, log.tree, log.tree[""])
        parts.refuse("discarded", error.reason, error.detail)
    elif columns.discarded and is_yes(why := _stated(log, columns.discarded)):
        raise BadMedia("discarded", f"{columns.discarded} is {why}")
    states = columns.state or tuple(n for n in STATES if n in log.tree)
    actions = columns.action or ("action", *(n for n in ("base_action",) if n in log.tree))
    arrays = log.arrays(list(dict.fromkeys([*states, *actions])))
    if (first := arrays.numbers.get(actions[0])) is None or not first.ndim:
        raise arrays.bad.get(actions[0]) or BadMedia("no_states_or_actions", f"{actions[0]} is no array of numbers")
    wanted = dict(columns.cameras) or {c: f"{IMAGES}/{c}" for c in sorted(log.children(IMAGES))}
    cameras = hdf5_log.cameras_of(log, parts, wanted, (len(first), rate_hz), _order_of)
    if not cameras:
        why = [p.detail for p in parts.refused if p.name.startswith(f"{name}/camera ")]
        raise BadMedia("no_pictures", f"no camera of it can be used: {why[0]}" if why else f"none in {IMAGES}")
    hdf5_log.tell_depth(log, "observations/images_depth", parts)
    task = parts.take("task", partial(_stated, log, columns.task)) if columns.task else None
    outcome = parts.take("outcome", partial(_outcome, log, columns.outcome))
    facts = AttemptFacts(
        name=name, t_ns=even_times(len(first), rate_hz), fps_hz=rate_hz, cameras=cameras,
        states=hdf5_log.columns_of(arrays.numbers, "", states, len(first)),
        actions=hdf5_log.columns_of(arrays.numbers, "", actions, len(first)),
        state_names=tuple(n.removeprefix("observations/") for n in hdf5_log.axes_of(arrays.numbers, "", states)),
        action_names=hdf5_log.axes_of(arrays.numbers, "", actions),
        instruction=str(task) if task else None, outcome=outcome or UNKNOWN,
        collect_mode=None if log.tree[""].attributes.get("sim") is True else "teleop",
        embodiment="aloha",
    )  # fmt: skip
    yield attempt_of(facts, item, options)
    yield from parts.refused


def _order_of(node: Node) -> dict[str, str]:
    """Raw pictures are taken as OpenCV has them."""
    return {"order": "bgr"} if len(node.shape or ()) == 4 else {}


def _stated(log: Hdf5Log, where: str) -> object:
    """See hdf5_log.stated; None where the column is nowhere."""
    about = log.tree[""]
    if not hdf5_log.says(log.tree, about, where):
        return None
    return hdf5_log.stated(about, log.arrays([] if where in about.attributes else [where]), "", where)


def _outcome(log: Hdf5Log, named: str | None) -> Outcome:
    """The format has none: what the config's column says, by a person. BadMedia: no_such_column, bad_header."""
    if named is None:
        return UNKNOWN
    if not hdf5_log.says(log.tree, log.tree[""], named):
        raise hdf5_log.no_such_column("outcome", named, log.tree, log.tree[""])
    word = outcome_word(_stated(log, named))
    return UNKNOWN if word == "unknown" else (word, "human", None)


KIND = LogKind("aloha", list_logs, read, version=2, holds=hdf5_log.holds)
