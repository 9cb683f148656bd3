"""A corpus's schema has a number; a change of columns or keys is a step from one number to the next.

To change a table: CONTRIBUTING.md, "Change a table". A step is one file here and one line in STEPS.
"""

from collections.abc import Mapping, Sequence

from schemas.migrations import from_1, from_2
from schemas.migrations.from_2 import RobotPlace
from schemas.migrations.step import Change, Mapped, Step

# Oldest first, each from the version that the one before it leads to.
STEPS: tuple[Step, ...] = (from_1.STEP, from_2.STEP)
SCHEMA = STEPS[-1].to_version  # what this program reads and writes


def steps_at(places: Sequence[RobotPlace]) -> tuple[Step, ...]:
    """STEPS, told where the config's robot logs lie."""
    return tuple(from_2.step(places) if step is from_2.STEP else step for step in STEPS)


def recognised_version(columns: Mapping[str, frozenset[str]]) -> int:
    """Version of a corpus that carries no number, by the columns of the tables that it has; SCHEMA where it has none.

    Sound, since every table that a schema changed differs in its columns, and corpora that hops write carry their
    number since schema 2.
    """
    if not columns:
        return SCHEMA
    if from_1.is_of_schema_1(columns):
        return 1
    return 2 if from_2.is_of_schema_2(columns) else SCHEMA


__all__ = ["SCHEMA", "STEPS", "Change", "Mapped", "RobotPlace", "Step", "recognised_version", "steps_at"]
