"""The hop on real tables: what is recorded, what waits in the outbox, what a crash repeats."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from typing import Any

import pytest

from infra.storage.tables import Store
from orchestration.trigger.due import pending
from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.rules import DAY_NS
from tests.support.triggers import (
    START_NS,
    log_of,
    publish_rows,
    read_calls,
    recorder,
    release,
    run_on,
    run_trigger,
)


def test_a_failing_command_stays_in_the_outbox_and_newer_ones_take_its_place(tmp_path: Path) -> None:
    root = tmp_path / "root"
    store = publish_rows(root, release(1, {"wm_ego": 1.0}))
    failing = TriggerOptions(command=recorder(tmp_path, "sys.exit(3)"))
    done = run_trigger(run_on(root), failing)
    assert "exited 3" in done.line()
    assert "run `handwheel trigger`" in done.line()
    assert done.undelivered == [done.triggers[0]["key"]]
    assert run_trigger(run_on(root), failing).triggers == []
    assert len(read_calls(tmp_path)) == 2
    publish_rows(root, release(2, {"wm_ego": 9.0}))
    working = TriggerOptions(command=recorder(tmp_path))
    done = run_trigger(run_on(root, START_NS + 2 * DAY_NS), working)
    assert read_calls(tmp_path)[2:] == [
        [f"{root}/pins/2026-11-21.2.pin", "world_model new_hours", "{nothing}", read_calls(tmp_path)[-1][-1]]
    ]
    assert pending(log_of(store)) == []
    assert [e.release for e in log_of(store) if e.event == "delivered"] == ["2026-11-21.2"]


def test_without_a_sink_it_is_recorded_and_waits(tmp_path: Path) -> None:
    store = publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    done = run_trigger(run_on(tmp_path), TriggerOptions())
    assert [t["rule"] for t in done.triggers] == ["first"]
    assert "delivered to nobody" in done.line()
    assert run_trigger(run_on(tmp_path), TriggerOptions()).added == {}
    assert [e.event for e in log_of(store)] == ["fired"]
    run_trigger(run_on(tmp_path), TriggerOptions(command=recorder(tmp_path)))
    assert len(read_calls(tmp_path)) == 1


def test_nothing_published_is_nothing_to_do(tmp_path: Path) -> None:
    assert run_trigger(run_on(tmp_path), TriggerOptions()).line() == "nothing new"


def test_a_crash_between_telling_and_recording_tells_again_with_the_same_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    store = publish_rows(root, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(command=recorder(tmp_path))
    insert = Store.insert

    def dying(self: Store, table: str, rows: Any, *, run_id: str) -> int:
        rows = list(rows)
        if any(r.event == "delivered" for r in rows):
            raise KeyboardInterrupt
        return insert(self, table, rows, run_id=run_id)

    with monkeypatch.context() as patched:
        patched.setattr(Store, "insert", dying)
        with pytest.raises(KeyboardInterrupt):
            run_trigger(run_on(root), options)
    run_trigger(run_on(root), options)
    run_trigger(run_on(root), options)
    assert len(read_calls(tmp_path)) == 2
    assert len({line[-1] for line in read_calls(tmp_path)}) == 1
    assert sorted(e.event for e in log_of(store)) == ["delivered", "fired"]


def _contend(folder: str, n: int, barrier: Any) -> None:
    barrier.wait()
    options = TriggerOptions(command=recorder_args(folder))
    run_trigger(run_on(Path(folder) / "root", wait_s=60, run_id=f"run{n}"), options)


def recorder_args(folder: str) -> tuple[str, ...]:
    return (sys.executable, f"{folder}/a trainer.py", f"{folder}/calls.jsonl", "{pin}")


@pytest.mark.slow
def test_processes_that_look_at_once_fire_once(tmp_path: Path) -> None:
    recorder(tmp_path)
    store = publish_rows(tmp_path / "root", release(1, {"wm_ego": 1.0, "idm_so101": 1.0}))
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(3)
    workers = [context.Process(target=_contend, args=(str(tmp_path), n, barrier)) for n in range(3)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    assert [w.exitcode for w in workers] == [0, 0, 0]
    assert sorted(e.event for e in log_of(store)) == ["delivered", "delivered", "fired", "fired"]
    assert len(read_calls(tmp_path)) == 2
