"""Two corpora are the same: every table by key, the releases, the ledger; whoever wrote them, and when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.storage.tables import Store
from orchestration import config as configs
from orchestration import turn
from pipelines.corpus import releases as files
from pipelines.corpus.ledger import ledger
from schemas import TABLES
from schemas.arrow import key_column

PROVENANCE = ("run_id", "created_ns", "at_ns")


@dataclass(frozen=True, slots=True)
class State:
    """What a corpus holds.

    rows: by table and key, as JSON without provenance. doubled: tables with more rows than keys.
    releases: id by name, each verified. account: the ledger; unbalanced_ns: what it lacks.
    """

    rows: Mapping[str, Mapping[str, str]]
    doubled: Mapping[str, int]
    releases: Mapping[str, str]
    account: Mapping[str, Any]
    unbalanced_ns: int


def state_of(root: Path | str, config: Path) -> State:
    """Reads a corpus whole and verifies its releases."""
    store, settings = Store(str(root)), configs.load(config, [], str(root))
    rows, doubled = {}, {}
    for table, row in TABLES.items():
        plain = store.read(table).to_pylist()
        rows[table] = {str(r[key_column(row)]): _text(r, str(root)) for r in plain}
        if len(plain) != len(rows[table]):
            doubled[table] = len(plain) - len(rows[table])
    releases = {name: files.verify(store, name).id for name in files.names(store)}
    account, _ = ledger(store, turn.recipe(settings), settings.policy.digest)
    return State(rows, doubled, releases, account.plain(), account.unbalanced_ns())


def _text(row: dict[str, Any], root: str) -> str:
    kept = {k: v for k, v in row.items() if k not in PROVENANCE}
    return json.dumps(kept, sort_keys=True, default=lambda b: b.hex()).replace(root, "ROOT")


def differences(wanted: State, found: State) -> list[str]:
    """One line for each thing that is not as it should be."""
    out = [f"{table}: {n} rows are doubled" for table, n in found.doubled.items()]
    for table, rows in wanted.rows.items():
        here = found.rows[table]
        for word, keys in (("lost", rows.keys() - here.keys()), ("extra", here.keys() - rows.keys())):
            if keys:
                out.append(f"{table}: {len(keys)} rows {word}, first {min(keys)}")
        if other := [k for k in rows.keys() & here.keys() if rows[k] != here[k]]:
            out.append(f"{table}: {len(other)} rows differ, first {rows[min(other)][:300]} / {here[min(other)][:300]}")
    if wanted.releases != found.releases:
        out.append(f"releases are {dict(found.releases)}, not {dict(wanted.releases)}")
    if wanted.account != found.account or found.unbalanced_ns:
        out.append(f"the ledger is {dict(found.account)} (out by {found.unbalanced_ns} ns), not {dict(wanted.account)}")
    return out
