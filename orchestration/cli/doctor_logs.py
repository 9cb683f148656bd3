"""`handwheel doctor --logs PATH`: what a fold would make of robot logs, what it would refuse, and what mends it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from orchestration.cli.options import load, output
from pipelines.fold.dry_look import REMEDIES, Look, look
from pipelines.sources.logs import RobotSource

SHOWN = 4  # values of a fact, commonest first
TEXT_CHARACTERS = 160
LONG_CHARACTERS = 600


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
        tell(as_object(result) if as_json else as_text(result, uri))


def as_object(result: Look) -> dict[str, object]:
    """The look as one JSON object."""
    return {
        "kind": result.kind, "uri": result.uri, "data_sets": len(result.roots), "logs": result.items,
        "logs_read": result.read_items, "attempts": result.attempts, "steps": result.steps, "seconds": result.seconds,
        "said": result.claims,
        "facts": {name: dict(values) for name, values in result.facts.items()},
        "refused": {
            reason: {"count": count, "examples": result.refused[reason], "mend": REMEDIES.get(reason)}
            for reason, count in result.refused_count.items()
        },
    }  # fmt: skip


def as_text(result: Look, uri: str) -> str:
    """The look for people: what is there, what would be left out and why, and the lines for handwheel.toml."""
    read = "all read" if result.read_items == result.items else f"{result.read_items} of them read"
    sets = f"{len(result.roots)} data sets, " if len(result.roots) > 1 else ""
    lines = [
        f"{uri}: {result.kind}, {sets}{result.items} logs, {read}",
        f"{result.attempts} attempts would be taken: {result.steps} steps, {result.seconds:.1f} s",
    ]
    for root, claims in result.claims.items():
        lines += [f"  {name:<14} {value[:LONG_CHARACTERS]}" for name, value in _of_root(root, claims, result)]
    for name, values in result.facts.items():
        lines += _fact_lines(name, values)
    if result.refused_count:
        lines.append(f"{sum(result.refused_count.values())} parts would be left out:")
    for reason, count in result.refused_count.most_common():
        lines.append(f"  {count:>6}  {reason}")
        lines += [f"          {example[:TEXT_CHARACTERS]}" for example in result.refused[reason]]
        if mend := REMEDIES.get(reason):
            lines.append(f"          mend: {mend}")
    return "\n".join([*lines, "", *_block(result, uri)])


def _of_root(root: str, claims: dict[str, str], result: Look) -> Iterator[tuple[str, str]]:
    """What a data set says of itself, under its place where there are several."""
    if claims and len(result.roots) > 1:
        yield "data set", root.removeprefix(result.uri).lstrip("/") or root
    yield from claims.items()


def _fact_lines(name: str, values: Counter[str]) -> Iterator[str]:
    for i, (value, count) in enumerate(values.most_common(SHOWN)):
        yield f"  {name if not i else '':<14} {value[:TEXT_CHARACTERS]} ({count})"
    if len(values) > SHOWN:
        yield f"  {'':<14} and {len(values) - SHOWN} more"


def _block(result: Look, uri: str) -> Iterator[str]:
    """What to write into handwheel.toml, with the remedies that a value of the config can be."""
    yield "In handwheel.toml:"
    yield "  [[robot]]"
    yield f'  kind = "{result.kind}"'
    yield f'  uri = "{uri}"'
    yield from (f"  {line}" for line in _advice(result))
    yield "then `handwheel fold`"


def _advice(result: Look) -> Iterator[str]:
    if result.refused_count["video_mismatch"]:
        yield '# surplus = "tail"   # if the frames beyond the rows are a discarded take\'s'
    if result.refused_count["no_rate"]:
        yield "# fps_hz = 20        # the rate that the recorder ran at"
    if result.refused_count["no_states_or_actions"] or result.refused_count["ambiguous_columns"]:
        yield '# columns = {state = ["..."], action = ["..."]}   # of the names above'
