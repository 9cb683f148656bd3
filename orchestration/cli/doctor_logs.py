"""`handwheel doctor --logs PATH`: what a fold would make of robot logs, what it would refuse, and what mends it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from orchestration.cli.options import load, output
from orchestration.reports.bars import count_of
from pipelines.fold.dry_look import look
from pipelines.fold.look_facts import MOST_DESCRIBED, Look
from pipelines.fold.remedies import REMEDIES
from pipelines.sources.logs import RobotSource
from pipelines.sources.logs.base import LogColumns

SHOWN = 4  # values of a fact, commonest first
TEXT_CHARACTERS = 160
LONG_CHARACTERS = 600
LONG_FACTS = ("state", "action")


def said_of(uri: str, config: Path | None, sets: list[str] | None) -> RobotSource | None:
    """The `[[robot]]` of the config that names this place, so that its columns hold here too."""
    place = _plain(uri)
    return next((robot for robot in load(config, sets, None).robot if _plain(robot.uri) == place), None)


def _plain(uri: str) -> str:
    return uri.rstrip("/") if "://" in uri else str(Path(uri).resolve())


def tell_of(uri: str, kind: str, most_items: int, claims: RobotSource | None, as_json: bool) -> None:
    """Prints the look. UsageError: no format takes anything that lies there."""
    source = claims or RobotSource(kind=kind, uri=uri)
    with output(as_json) as tell:
        result = look(replace(source, kind=kind or source.kind, uri=uri if "://" in uri else _plain(uri)), most_items)
        tell(as_object(result, uri) if as_json else as_text(result, uri))


def as_object(result: Look, uri: str = "") -> dict[str, object]:
    """The look as one JSON object."""
    return {
        "kind": result.kind, "uri": result.uri, "data_sets": len(result.roots), "logs": result.items,
        "logs_read": result.read_items, "attempts": result.attempts, "steps": result.steps, "seconds": result.seconds,
        "attempts_without_rate": result.without_rate, "attempts_alike": result.alike, "said": result.claims,
        "holds": {root: [f"{f.name} ({f.about})" for f in fields] for root, fields in result.holds.items()},
        "facts": {name: dict(values) for name, values in result.facts.items()},
        "refused": {
            reason: {"count": count, "examples": result.refused[reason], "mend": REMEDIES.get(reason)}
            for reason, count in result.refused_count.items()
        },
        "other_formats": result.others, "toml": "\n".join(_toml(result, uri or result.uri)),
    }  # fmt: skip


def as_text(result: Look, uri: str) -> str:
    """The look for people: what is there, what would be left out and why, and the lines for handwheel.toml."""
    return "\n".join([*_heads(result, uri), *_there(result), *_left(result), "", *_block(result, uri)])


def _heads(result: Look, uri: str) -> Iterator[str]:
    read = "all read" if result.read_items == result.items else f"{result.read_items} of them read"
    sets = f"{len(result.roots)} data sets, " if len(result.roots) > 1 else ""
    yield f"{uri}: {result.kind}, {sets}{count_of(result.items, 'log')}, {read}"
    taken = count_of(result.attempts, "attempt")
    yield f"{taken} would be taken: {count_of(result.steps, 'step')}, {result.seconds:.1f} s"
    if result.without_rate:
        yield f"{count_of(result.without_rate, 'attempt')} would be taken if the rate of their rows was said (fps_hz)"
    if result.alike:
        alike = count_of(result.alike, "attempt")
        yield f"{alike} with the numbers of another: what has its recordings too is booked as a copy by the fold"


def _there(result: Look) -> Iterator[str]:
    for root, claims in result.claims.items():
        yield from (f"  {name:<14} {_cut(value, LONG_CHARACTERS)}" for name, value in _of_root(root, claims, result))
    if (more := len(result.roots) - len(result.claims)) > 0 and len(result.claims) == MOST_DESCRIBED:
        yield f"  {'':<14} and {count_of(more, 'data set')} more"
    for name, values in result.facts.items():
        yield from _fact_lines(name, values)


def _of_root(root: str, claims: Mapping[str, str], result: Look) -> Iterator[tuple[str, str]]:
    """What a data set says of itself and holds, under its place where there are several."""
    fields = result.holds.get(root, ())
    if len(result.roots) > 1:
        yield "data set", root.removeprefix(result.uri).lstrip("/") or root
    yield from claims.items()
    declared = claims.get("declared", "")
    if listed := [f"{f.name} ({f.about})" for f in fields if f"{f.name} (" not in declared]:
        yield "besides" if declared else "holds", ", ".join(listed)


def _fact_lines(name: str, values: Counter[str]) -> Iterator[str]:
    limit = LONG_CHARACTERS if name in LONG_FACTS else TEXT_CHARACTERS
    for i, (value, count) in enumerate(values.most_common(SHOWN)):
        yield f"  {name if not i else '':<14} {_cut(value, limit)} ({count})"
    if len(values) > SHOWN:
        yield f"  {'':<14} and {len(values) - SHOWN} more"


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 4] + " ..."


def _left(result: Look) -> Iterator[str]:
    if result.refused_count:
        yield f"{count_of(sum(result.refused_count.values()), 'part')} would be left out:"
    for reason, count in result.refused_count.most_common():
        yield f"  {count:>6}  {reason}"
        yield from (f"          {_cut(example, LONG_CHARACTERS)}" for example in result.refused[reason])
        if mend := REMEDIES.get(reason):
            yield f"          mend: {mend}"
    for what in LONG_FACTS:
        if lacking := result.facts.get(what, Counter())["none"]:
            yield f"no {what} in {count_of(lacking, 'attempt')}: columns.{what} names it, where there is one"
    for kind, uris in result.others.items():
        there = _cut(", ".join(uri.removeprefix(result.uri).lstrip("/") for uri in uris[:SHOWN]), TEXT_CHARACTERS)
        yield f"not of this format: {count_of(len(uris), 'log')}, perhaps of kind {kind}: {there}"


def _block(result: Look, uri: str) -> Iterator[str]:
    """What to write into handwheel.toml, with the remedies that a value of the config can be."""
    yield "In handwheel.toml:"
    yield from (f"  {line}" for line in _toml(result, uri))
    if result.advice:
        gave = f"{count_of(result.advised_logs, 'log')} gave {count_of(result.advised_attempts, 'attempt')}"
        yield f"columns are a guess by names and widths: read with them {gave}; look whether they are what you mean"
    yield "then `handwheel fold`"


def _toml(result: Look, uri: str) -> Iterator[str]:
    """One `[[robot]]`, or one a data set where these want columns of their own."""
    advised = {root: result.advice.get(root) for root in sorted(result.roots)}
    if len(set(map(str, advised.values()))) == 1:
        yield from _robot(result, uri, next(iter(advised.values())))
        return
    for root, columns in advised.items():
        below = root.removeprefix(result.uri)
        yield from _robot(result, root if below == root else uri.rstrip("/") + below, columns)


def _robot(result: Look, uri: str, columns: LogColumns | None) -> Iterator[str]:
    yield "[[robot]]"
    yield f"kind = {_quoted(result.kind)}"
    yield f"uri = {_quoted(uri)}"
    if columns is not None:
        yield f"columns = {{ {', '.join(_columns(columns))} }}"
    if result.refused_count["video_mismatch"]:
        yield '# surplus = "tail"   # if the frames beyond the rows are a discarded take\'s'
    if result.needs_rate:
        yield "# fps_hz = 20        # the rate that the recorder ran at"


def _columns(columns: LogColumns) -> Iterator[str]:
    """Each field as TOML."""
    for name in columns.named():
        value = getattr(columns, name)
        if isinstance(value, str):
            yield f"{name} = {_quoted(value)}"
        elif isinstance(value, Mapping):
            yield f"{name} = {{ {', '.join(f'{_quoted(k)} = {_quoted(v)}' for k, v in value.items())} }}"
        else:
            yield f"{name} = [{', '.join(map(_quoted, value))}]"


def _quoted(text: str) -> str:
    """A basic string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
