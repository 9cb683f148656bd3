"""One writer at a time: a small object with an owner and an expiry, taken by compare-and-swap, kept by a heartbeat."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from infra.storage import objects
from schemas.errors import LeaseHeld

TTL_S = 60.0


@dataclass(slots=True)
class Lease:
    """A held lease. `check()` before each commit: it raises when the lease was lost."""

    uri: str
    run_id: str
    etag: str
    ttl_s: float = TTL_S
    lost: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """LeaseHeld when a heartbeat failed: another run may be writing now."""
        if self.lost.is_set():
            raise LeaseHeld(f"{self.uri}: the lease was lost; run the same command again")


def _body(run_id: str, expires_s: float) -> bytes:
    owner = {"run_id": run_id, "host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}
    return json.dumps(owner | {"expires_s": expires_s}).encode()


def _born(pid: int) -> str | None:
    """Start time of a process in clock ticks since boot, so that a reused pid is not taken for its former owner."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def _free(owner: dict[str, object], now_s: float) -> bool:
    """Expired, or held by a process of this machine that has died."""
    if float(str(owner["expires_s"])) <= now_s:
        return True
    if owner["host"] != socket.gethostname() or not os.path.isdir("/proc/self"):
        return False
    return _born(int(str(owner["pid"]))) != owner["born"]


def _take(uri: str, run_id: str, clock: Callable[[], float], ttl_s: float) -> tuple[str | None, str]:
    """The new ETag, or None and who holds it."""
    try:
        data, etag = objects.read(uri)
    except FileNotFoundError:
        data, etag = b"", ""
    owner = json.loads(data) if data else None
    if owner and not _free(owner, clock()):
        return None, f"run {owner['run_id']} on {owner['host']}, pid {owner['pid']}"
    try:
        if owner:
            return objects.put(uri, _body(run_id, clock() + ttl_s), if_match=etag), ""
        return objects.put(uri, _body(run_id, clock() + ttl_s), if_absent=True), ""
    except objects.Conflict:
        return None, "a run that started at the same moment"


@contextmanager
def hold(
    uri: str, run_id: str, *, wait_s: float = 0.0, clock: Callable[[], float] = time.time, ttl_s: float = TTL_S
) -> Iterator[Lease]:
    """Holds the lease at `uri`, waiting up to `wait_s` for its holder. LeaseHeld when it stays taken.

    A holder that was killed frees it at once on the same machine, after `ttl_s` elsewhere. clock: Unix seconds.
    """
    deadline_s = time.monotonic() + wait_s
    while True:
        etag, holder = _take(uri, run_id, clock, ttl_s)
        if etag is not None:
            break
        if time.monotonic() >= deadline_s:
            raise LeaseHeld(
                f"{uri} is held by {holder}; the lease is free {ttl_s:.0f} s after that run ends, "
                "then run the same command again"
            )
        time.sleep(0.5)
    lease = Lease(uri, run_id, etag, ttl_s)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(lease, stop, clock), daemon=True)
    beat.start()
    try:
        yield lease
    finally:
        stop.set()
        beat.join()
        if not lease.lost.is_set():
            with suppress(objects.Conflict):  # somebody took it over as expired; theirs stays
                objects.delete(uri, if_match=lease.etag)


def _beat(lease: Lease, stop: threading.Event, clock: Callable[[], float]) -> None:
    """Renews at a third of the TTL; a renewal that fails twice over the TTL marks the lease lost."""
    renewed_s = time.monotonic()
    while not stop.wait(lease.ttl_s / 3):
        try:
            lease.etag = objects.put(lease.uri, _body(lease.run_id, clock() + lease.ttl_s), if_match=lease.etag)
            renewed_s = time.monotonic()
        except objects.Conflict:
            lease.lost.set()
        except Exception:  # noqa: BLE001 - whatever broke, an unrenewed lease is what counts
            if time.monotonic() - renewed_s > lease.ttl_s * 0.9:
                lease.lost.set()
        if lease.lost.is_set():
            return
