"""Migrates a corpus and kills itself at the n-th write: `python -m tests.support.migrate_child ROOT N before|after`.

Prints how many writes there were, where N is over them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import lance

from infra.storage import evolution, objects
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.migrate.engine import migrate

LEASES = ("media", "dedup", "publish")
WRITES: tuple[tuple[Any, str], ...] = (
    (objects, "put"), (objects, "delete"), (evolution, "write_mapped"), (evolution, "commit_mapped"),
    (evolution, "add_columns"), (lance.LanceDataset, "commit"),
)  # fmt: skip


def main(root: str, at: int, when: str) -> None:
    """Wraps everything that writes, then migrates."""
    count = 0

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def write(*args: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            mine = count == at
            if mine and when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            result = real(*args, **more)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return write

    for owner, name in WRITES:
        wrapped = counted(getattr(owner, name))
        setattr(owner, name, staticmethod(wrapped) if isinstance(owner, type) else wrapped)
    migrate(Run(Store(root), f"kill{at}"), LEASES)
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
