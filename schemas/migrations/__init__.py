"""A corpus's schema has a number; a change of columns or keys is a step from one number to the next.

To change a table: CONTRIBUTING.md, "Change a table". A step is one file here and one line in STEPS.
"""

from collections.abc import Mapping

from schemas.migrations import from_1
from schemas.migrations.step import Change, Mapped, Step

# Oldest first, each from the version that the one before it leads to.
STEPS: tuple[Step, ...] = (from_1.STEP,)
SCHEMA = STEPS[-1].to_version  # what this program reads and writes
UNSTAMPED = 2  # the last schema whose corpora carry no number


def recognised_version(columns: Mapping[str, frozenset[str]]) -> int:
    """Version of a corpus that carries no number, by the columns of the tables that it has; SCHEMA where it has none.

    Sound, since every table that schema 2 changed differs in its columns, and later corpora carry their number.
    """
    if not columns:
        return SCHEMA
    return 1 if from_1.is_of_schema_1(columns) else UNSTAMPED


__all__ = ["SCHEMA", "STEPS", "Change", "Mapped", "Step", "recognised_version"]
