"""Which columns of a LeRobot data set hold what, by their names: the format's own, and those that others write.

Met in the world: `state`, `actions` (openpi); a scalar column a joint, `observation.left_gripper.pos`;
`observation.states.joint.position`, `actions.effector.position` (converters of AgiBot World and RoboMIND);
`joint_position`, `gripper_position` (openpi's conversion of DROID); `observation.effort` and
`observation.environment_state` beside `observation.state` (LeRobot).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import pyarrow as pa

from pipelines.sources.logs.base import LogColumns
from pipelines.sources.logs.lerobot.columns import is_number, leaf
from schemas.errors import BadMedia

_STATES = ("observation.state", "state", "observation.states", "states", "observation.qpos", "qpos", "agent_pos",
           "observation.agent_pos", "observation.proprio", "proprio", "robot_state", "observation.robot_state",
           "observation.joint_positions", "observation.joint_position")  # fmt: skip
_ACTIONS = ("action", "actions")
_BARE_STATES = ("joint_position", "joint_positions", "cartesian_position", "gripper_position", "gripper_positions",
                "ee_pos", "ee_pose", "eef_pos", "eef_pose", "joint_state", "joint_states")  # fmt: skip
_STATE_HEADS = ("observation.", "observations.", "obs.", "state.", "states.")
_ACTION_HEADS = ("action.", "actions.")
_NO_NUMBERS = ("annotation.", "observation.images.", "observation.image", "images.")
EXECUTED = "action_executed"
# Of what a column says by itself, whatever group it is in: `next.success`, `complementary_info.is_intervention`.
_WORDS = {
    "success": ("success", "is_success", "task_success", "episode_success", "succeeded", "successful", "outcome"),
    "reward": ("reward", "rewards"),
    "done": ("done", "is_done", "terminated", "is_terminal", "terminal"),
    "intervention": ("intervention", "is_intervention", "intervened", "is_intervened", "human_intervention",
                     "is_human_intervention", "interventions", "intervene", "human_takeover", "takeover",
                     "is_takeover", "is_human", "human_control", "is_human_control"),
}  # fmt: skip
_GROUPS = frozenset({"next", "complementary_info", "info", "meta", "extra", "label", "labels", "annotation"})
_MOST_NUMBERS = 64  # of a list of lists a row that is part of a state: poses are, pictures of touch are not
_LAYOUT = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index", "subtask_index"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Columns by what they hold. state, action: side by side, in this order."""

    state: tuple[str, ...] = ()
    action: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]]  # success, reward, done, intervention -> columns, best first
    bodies: tuple[str, ...] = ()  # numbers of the robot that nothing takes
    others: tuple[str, ...] = ()  # other numbers that nothing takes
    columns: tuple[str, ...] = ()  # all that are there


def is_wanted(field: pa.Field[pa.DataType]) -> bool:
    """Whether a data file's column can hold what is read: pictures and other bytes cannot."""
    kind, depth = leaf(field.type)
    if pa.types.is_struct(kind):
        return field.name.startswith("language") or (not depth and all(map(is_wanted, kind)))
    return is_number(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)


def keys_of(schema: pa.Schema, features: Mapping[str, object], columns: LogColumns) -> Keys:
    """The columns of a data file by what they hold; what the config names holds over what the names say.

    BadMedia(no_such_column): the config names one that is not there.
    """
    there = tuple(sorted(schema.names, key=_Order({name: i for i, name in enumerate(features)})))
    for what, names in (("state", columns.state), ("action", columns.action)):
        if lacking := [n for n in names if n not in there]:
            raise BadMedia("no_such_column", f"columns.{what} names {', '.join(lacking)}; there are {_some(there)}")
    numeric = {n: _shape(schema.field(n).type, features.get(n)) for n in there}
    words = {word: _named(there, spellings) for word, spellings in _WORDS.items()}
    spoken = _LAYOUT | {n for names in words.values() for n in names} | {EXECUTED, columns.outcome, columns.discarded}
    bodies = [n for n in there if numeric[n] and n not in spoken and not _dotted(n).startswith(_NO_NUMBERS)]
    action = columns.action or _whole(bodies, _ACTIONS) or _parts(bodies, _ACTION_HEADS, numeric)
    state = columns.state or _state(bodies, numeric)
    unread = [n for n in bodies if n not in {*state, *action}]
    robots = () if columns.state else tuple(n for n in unread if _dotted(n).startswith((*_STATE_HEADS, *_ACTION_HEADS)))
    others = tuple(n for n in unread if n not in robots)
    return Keys(state=state, action=action, words=words, bodies=robots, others=others, columns=there)


@dataclass(frozen=True, slots=True)
class _Order:
    """As info.json lists them, which is one order for all files; what it does not list comes last, by name."""

    places: Mapping[str, int]

    def __call__(self, name: str) -> tuple[int, str]:
        return self.places.get(name, len(self.places)), "" if name in self.places else name


def _shape(kind: pa.DataType, feature: object) -> int:
    """1 + how deep a column's numbers lie in lists (few count as one list), 10 more where they are no floats.

    0: no numbers, or a picture's.
    """
    value, depth = leaf(kind)
    about = feature if isinstance(feature, Mapping) else {}
    if str(about.get("dtype")) in ("image", "video") or not is_number(value):
        return 0
    shape = about.get("shape")
    if depth > 1 and isinstance(shape, list) and all(isinstance(n, int) for n in shape):
        depth = depth if prod(shape) > _MOST_NUMBERS else 1
    return 1 + depth + 10 * (not pa.types.is_floating(value))


def _dotted(name: str) -> str:
    """`observation/State` is `observation.state`."""
    return name.lower().replace("/", ".")


def _whole(names: Iterable[str], known: tuple[str, ...]) -> tuple[str, ...]:
    there = {_dotted(n): n for n in names}
    return next(((there[k],) for k in known if k in there), ())


def _parts(names: Iterable[str], heads: tuple[str, ...], numeric: Mapping[str, int]) -> tuple[str, ...]:
    """Columns of floats, one value or one list a row, below the first of the heads that has any."""
    vectors = [n for n in names if numeric[n] in (1, 2)]
    return next((below for head in heads if (below := tuple(n for n in vectors if _dotted(n).startswith(head)))), ())


def _state(bodies: list[str], numeric: Mapping[str, int]) -> tuple[str, ...]:
    """The state, and after it the rest of what the robot sensed; what lies below the state's own name is part of it.

    Without one, its parts side by side.
    """
    whole = _whole(bodies, _STATES)
    if not whole:
        bare = tuple(n for n in bodies if _dotted(n) in _BARE_STATES and numeric[n] in (1, 2))
        return _parts(bodies, _STATE_HEADS, numeric) or bare
    own = (f"{_dotted(whole[0])}.", f"{_dotted(whole[0])}s.")
    more = [n for n in _parts(bodies, _STATE_HEADS[:1], numeric) if not _dotted(n).startswith(own)]
    return (*whole, *(n for n in more if _dotted(n) not in _STATES))


def _named(names: Iterable[str], spellings: tuple[str, ...]) -> tuple[str, ...]:
    """Columns whose last word is one of the spellings, in a group of words about the attempt or in none."""
    ranked = []
    for name in names:
        *groups, word = re.split(r"[./]", name.lower())
        if word in spellings and all(g in _GROUPS for g in groups):
            ranked.append((not groups or groups[-1] != "next", spellings.index(word), name))
    return tuple(name for *_, name in sorted(ranked))


def label_in(extra: Mapping[str, object], word: str) -> str | None:
    """The key of an episode's metadata that says it, in any spelling, of those that say something."""
    keys = _named(extra, _WORDS[word])
    return next((k for k in keys if extra[k] is not None and extra[k] != ""), None)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:40]) + (f" and {len(names) - 40} more" if len(names) > 40 else "")


def nothing_fits(keys: Keys) -> BadMedia:
    """The refusal of a file none of whose columns is known to hold states or actions."""
    detail = f"none of its columns is known as a state or an action: {_some(keys.columns)}"
    return BadMedia("no_states_or_actions", f"{detail}; columns.state and columns.action name them")
