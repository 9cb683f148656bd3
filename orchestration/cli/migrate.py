"""`handwheel migrate`: a corpus of an earlier schema becomes one of this program's."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from infra.storage.evolution import old_tag
from orchestration import turn as turns
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output, progress_bars
from pipelines.migrate.engine import Migrated, migrate
from pipelines.migrate.rewrite import Rewritten
from schemas.migrations import RobotPlace, steps_at


def command(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would do")] = False,
) -> None:  # fmt: skip
    """Bring a corpus of an earlier schema to this program's. If it is killed, the same command goes on."""
    settings = load(config, sets, root)
    with output(as_json) as tell, progress_bars() as progress:
        leases = {hop.lease for hop in turns.HOPS}
        places = [RobotPlace(robot.uri, robot.name) for robot in settings.robot]
        done = migrate(turns.run_of(settings, progress), leases, steps=steps_at(places), dry_run=dry_run)
        tell(asdict(done) if as_json else as_text(done, settings.root))


def as_text(done: Migrated, root: str) -> str:
    """What a migration did, for people."""
    would = "would be " if done.dry_run else ""
    lines = []
    for to_version, tables in done.steps.items():
        lines.append(f"schema {to_version - 1} -> {to_version}")
        for table in tables:
            lines += _table_lines(table, to_version - 1, would)
    lines += [f"  {table:<10} gains {', '.join(columns)}" for table, columns in done.added.items()]
    if done.from_version == done.to_version and not lines:
        return f"{root} is of schema {done.to_version} already; nothing to do"
    if done.dry_run:
        return "\n".join([*lines, "nothing was written; run `handwheel migrate` without --dry-run"])
    return "\n".join([*lines, f"{root} is of schema {done.to_version} now; go on with `handwheel turn`"])


def _table_lines(table: Rewritten, from_version: int, would: str) -> list[str]:
    before = f"old ones: version {table.old_version}, tag {old_tag(from_version)}"
    lines = [f"  {table.table:<10} {table.rows} of {table.old_rows} rows {would}rewritten; {before}"]
    return lines + [f"  {'':<10} {rows} have no new row: {why}" for why, rows in sorted(table.unmapped.items())]
