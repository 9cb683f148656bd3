"""The `columns` that a log with keys of its own could be read by: guessed by names, kinds and widths, then tried.

A guess is for people to check: nothing but a name says which of two vectors is the state. What is advised was tried on
some of the logs, which gave more attempts, or more of what an attempt is to have, than without it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from pipelines.sources.logs.base import NUMBERS, PICTURES, WORDS, BadEpisode, LogColumns, LogField
from pipelines.sources.logs.episode_log import EpisodeLog

PARTS = 5  # more than an attempt has, so that one that is known to be discarded is a gain
MOST_AXES = 512  # of a vector; more are pictures, maps or touch
ACTION = re.compile(r"action|command|cmd|control|ctrl|target|desired|goal|leader|master|setpoint|reference", re.I)
STATE = re.compile(r"state|qpos|joint|pos|proprio|gripper|eef|arm|robot|sensor|obs|feedback|follower|puppet", re.I)
RATES = re.compile(r"vel|torque|effort|force|current", re.I)  # of a state that has positions too
LAYOUT = re.compile(
    r"(?:^|[^a-z])(?:t|time|clock|stamps?|timestamps?|index|idx|frame|episode|steps?|count|id)(?:$|[^a-z])", re.I
)
LABEL = re.compile(r"success|succe|outcome|verdict|passed|result|label|grade", re.I)
OTHER_LABELS = re.compile(
    r"reward|return|done|terminal|terminated|truncated|valid|interven|discount|is_first|is_last", re.I
)
TASK = re.compile(r"task|instruction|prompt|language|goal|description", re.I)
DISCARDED = re.compile(r"discard|exclude|reject|unusable|do_not_use|bad_take", re.I)
Part = EpisodeLog | BadEpisode
Try = Callable[[LogColumns], Sequence[Part]]  # what some logs give, read with these columns


@dataclass(frozen=True, slots=True)
class Worth:
    """What a reading gives: how many attempts, then how many of their parts."""

    attempts: int
    parts: int

    def better_than(self, other: Worth) -> bool:
        """Whether it has more."""
        return (self.attempts, self.parts) > (other.attempts, other.parts)


def advise(fields: Sequence[LogField], taken: frozenset[str], given: LogColumns, attempt: Try) -> LogColumns | None:
    """`given` with what it lacks, where that gives more; None where nothing does.

    taken: the fields of LogColumns that the format takes.
    """
    known: dict[str, Worth] = {}  # a reading of large logs takes long

    def worth_by(columns: LogColumns) -> Worth:
        if (key := str(columns)) not in known:
            known[key] = worth_of(attempt(columns))
        return known[key]

    best, worth = None, worth_by(given)
    for guess in _guesses(fields, taken, given):
        tried = worth_by(guess)
        if tried.better_than(worth):
            best, worth = guess, tried
    return _without_idle(best, given, worth, worth_by) if best is not None else None


def worth_of(parts: Sequence[Part]) -> Worth:
    """Parts: state, action, instruction of each attempt; a known outcome, where one is a success; that it is discarded.

    A label that is no everywhere is no gain: converters write such a one into good demonstrations.
    """
    logs = [part for part in parts if isinstance(part, EpisodeLog)]
    judged = sum(log.outcome != "unknown" for log in logs) if any(log.outcome == "success" for log in logs) else 0
    has = sum((log.states is not None) + (log.actions is not None) + (log.instruction is not None) for log in logs)
    discarded = sum(isinstance(part, BadEpisode) and part.reason == "discarded" for part in parts)
    return Worth(len(logs) + discarded, has + judged + PARTS * discarded)


def _without_idle(
    guess: LogColumns, given: LogColumns, worth: Worth, worth_by: Callable[[LogColumns], Worth]
) -> LogColumns:
    """The guess without the fields that it gains nothing by: what a format finds by itself needs no words."""
    for name in guess.named():
        fewer = replace(guess, **{name: getattr(given, name)})
        if fewer != guess and not worth.better_than(worth_by(fewer)):
            guess = fewer
    return guess


def _guesses(fields: Sequence[LogField], taken: frozenset[str], given: LogColumns) -> Iterator[LogColumns]:
    """Labels alone, then with state and action, then with the cameras too."""
    vectors, cameras, words = _vectors(fields), _cameras(fields), _words(fields)
    for with_vectors, with_cameras in product((False, True), repeat=2):
        guess = words | (vectors if with_vectors else {}) | ({"cameras": cameras} if with_cameras and cameras else {})
        new = {name: value for name, value in guess.items() if name in taken and name not in given.named()}
        if new:
            yield replace(given, **new)  # type: ignore[arg-type]


def _vectors(fields: Sequence[LogField]) -> dict[str, tuple[str, ...]]:
    """State and action, of numbers that are no clock, counter or label."""
    vectors = [
        f.name for f in fields if f.kind == NUMBERS and 0 < (f.width or 1) <= MOST_AXES and not _is_aside(f.name)
    ]
    action = tuple(n for n in vectors if ACTION.search(n))
    state = tuple(n for n in vectors if n not in action)
    known = tuple(n for n in state if STATE.search(n)) or state
    still = tuple(n for n in known if not RATES.search(n)) or known
    return {key: names for key, names in (("state", still), ("action", action)) if names}


def _is_aside(name: str) -> bool:
    return any(pattern.search(name) for pattern in (LAYOUT, LABEL, OTHER_LABELS, DISCARDED))


def _cameras(fields: Sequence[LogField]) -> dict[str, str]:
    """All pictures, by the shortest end of their names that tells them apart."""
    paths = [f.name for f in fields if f.kind == PICTURES]
    for parts in range(1, 6):
        names = ["_".join(re.split(r"[/.]", path.strip("/"))[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return (
        {re.sub(r"[^A-Za-z0-9_-]+", "_", name): path for name, path in zip(names, paths, strict=True)} if paths else {}
    )


def _words(fields: Sequence[LogField]) -> dict[str, str]:
    """Outcome, task and discarded: the first field whose name says so."""
    single = [f for f in fields if f.kind == WORDS or (f.kind == NUMBERS and f.width in (1, None))]
    texts = [f for f in fields if f.kind == WORDS]
    wanted = (("outcome", LABEL, single), ("task", TASK, texts), ("discarded", DISCARDED, single))
    named = ((key, next((f.name for f in among if p.search(f.name)), None)) for key, p, among in wanted)
    return {key: name for key, name in named if name is not None}
