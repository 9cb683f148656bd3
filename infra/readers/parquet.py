"""The door to Parquet files that others made: some columns of one as lines of JSON, read in the sandbox.

A page of some kilobytes may unpack to gigabytes, and a file may say that it has any number of rows.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.sandbox import sandbox
from schemas.errors import BadMedia

LIMITS = sandbox.Limits(memory_bytes=4 << 30, cpu_s=900, wall_s=1800.0)
MAX_BYTES = 8 << 30  # of lines
BATCH_ROWS = 1000


def write_lines(path: Path, names: Sequence[str], out: Path) -> list[str]:
    """Writes the named columns, those that are there, a JSON object a row; `null` for a row that cannot be read.

    Returns the names of all columns that are there.

    BadMedia: bad_parquet, too_large, decoder_*.
    """
    printed = sandbox.run(__name__, [os.path.abspath(path), json.dumps(list(names)), str(out)], LIMITS)
    return [str(name) for name in json.loads(printed)]


def main(argv: list[str]) -> None:
    """The child: argv is the file, a JSON list of names, and the file to write."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(argv[0]) as file, Path(argv[2]).open("w") as out:
            names = [name for name in json.loads(argv[1]) if name in file.schema_arrow.names]
            for batch in file.iter_batches(BATCH_ROWS, columns=names):
                out.writelines(_lines(batch))
                if out.tell() > MAX_BYTES:
                    raise BadMedia("too_large", f"more than {MAX_BYTES} bytes as lines")
            print(json.dumps(file.schema_arrow.names))
    except MemoryError:
        raise
    except (pa.ArrowException, OSError, ValueError) as e:
        raise BadMedia("bad_parquet", f"{type(e).__name__}: {e}"[:200]) from e


def _lines(batch: Any) -> Iterator[str]:
    import pyarrow as pa

    for at in range(batch.num_rows):
        try:
            yield json.dumps(batch.slice(at, 1).to_pylist()[0], default=str) + "\n"
        except (ValueError, TypeError, OverflowError, RecursionError, pa.ArrowException):  # text that is no UTF-8
            yield "null\n"
