"""Reader of RoboMIND: `h5_<robot>/<task>/success_episodes/<split>/<time>/data/trajectory.hdf5`.

After the maker's description (x-humanoid-robomind.github.io at 15eb492: all_robot_h5_info.md, quick_start.ipynb,
README.md); no real file seen. The master's joints are the action, the puppet's the state. Pictures are encoded; those
of some robots were encoded with red and blue exchanged, and are read the right way round. No rate is stated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.sources.logs import hdf5_log
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import PICTURES_AND_VECTORS, BadEpisode, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.fields import UNKNOWN
from pipelines.sources.logs.parts import Parts
from schemas.errors import BadMedia

PLACE = re.compile(
    r"(?P<root>.*?(?:/|^)(?:h5_(?P<robot>[^/]+)/)?)(?P<task>[^/]+)/(?P<label>success|failure)_episodes/"
    r"(?:(?P<split>train|val|test)/)?(?P<time>[^/]+)/data/trajectory\.hdf5"
)
IMAGES = "observations/rgb_images"
# Whose pictures a decoder gives in their true colours (README: "BGR", as cv2.imdecode has a sound picture).
SOUND_COLOURS = ("franka_3rgb", "franka_1rgb", "ur_1rgb", "franka_fr3_dual")
JOINTS = ("joint_position", "joint_position_left", "joint_position_right", "end_effector")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item a trajectory; those of a robot are a data set."""
    del options
    for info in hdf5_log.list_files(uri):
        if place := PLACE.fullmatch(info.uri):
            yield hdf5_log.item_of(info, root=place["root"].rstrip("/") or "/")


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The file's attempt, and the cameras that it is taken without.

    BadMedia: other_format, no_rate, no_states_or_actions, no_pictures, video_mismatch (simulation has a picture of
    about every fourth step, and nothing says which), length_mismatch, bad_hdf5, lfs_pointer, decoder_*.
    """
    del workdir
    place = PLACE.fullmatch(item.uri)
    if place is None:
        raise BadMedia("other_format", "not at <task>/<label>_episodes/<time>/data/trajectory.hdf5")
    rate_hz = hdf5_log.rate_hz(options, None)
    name = re.sub(r"[^A-Za-z0-9_.-]+|\.\.+", "_", f"{place['task']}-{place['time']}")
    with hdf5_log.open_log(item.uri) as log:
        puppet = next((g for g in ("puppet", "franka") if g in log.tree), "puppet")
        states = options.columns.state or hdf5_log.filled(log, puppet, JOINTS)
        actions = options.columns.action or hdf5_log.filled(log, "master", JOINTS)
        arrays = log.arrays([*states, *actions])
        first = next((a for n in (*states, *actions) if (a := arrays.numbers.get(n)) is not None and a.ndim), None)
        if first is None:
            raise BadMedia("no_states_or_actions", "neither puppet nor master has joints")
        robot = place["robot"] or ""
        parts, order = Parts(name), {} if not robot or robot in SOUND_COLOURS else {"order": "bgr"}
        wanted = dict(options.columns.cameras) or {c: f"{IMAGES}/{c}" for c in sorted(log.children(IMAGES))}
        cameras = hdf5_log.cameras_of(log, parts, wanted, (len(first), rate_hz), lambda _: order)
        if not cameras:
            left = next(iter(parts.refused), None)
            raise BadMedia(left.reason if left else "no_pictures", left.detail if left else f"none in {IMAGES}")
        hdf5_log.tell_depth(log, "observations/depth_images", parts)
        facts = AttemptFacts(
            name=name, t_ns=even_times(len(first), rate_hz), fps_hz=rate_hz, cameras=cameras,
            states=hdf5_log.columns_of(arrays.numbers, "", states, len(first)),
            actions=hdf5_log.columns_of(arrays.numbers, "", actions, len(first)),
            state_names=hdf5_log.short_axes_of(arrays.numbers, states),
            action_names=hdf5_log.short_axes_of(arrays.numbers, actions),
            embodiment=re.sub(r"_\d?rgb$", "", robot) or None, split=place["split"], collect_mode="teleop",
            outcome=(place["label"], "human", None) if place["label"] else UNKNOWN,
        )  # fmt: skip
    yield attempt_of(facts, item, options)
    yield from parts.refused


KIND = LogKind("robomind", list_logs, read, holds=hdf5_log.holds, columns=PICTURES_AND_VECTORS)
