"""What requests go by: bounds, a way out to the network, and what the process remembers of hosts."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.web.host_limits import HostLimits
from infra.web.limits import FetchLimits
from infra.web.net import Net
from infra.web.robots_cache import RobotsCache


class Memory:
    """How a process stands with the hosts that it asks: their slots, rests and failures, and their robots.txt.

    Locks do not travel: pickled, it becomes `process_memory()` where it is unpickled. Beam's embedded runner has its
    workers as threads of one process, so that a host's limits hold for a whole run; under a runner of many processes
    each keeps them by itself.
    """

    def __init__(self, hosts: HostLimits | None = None, robots: RobotsCache | None = None) -> None:
        self.hosts = HostLimits() if hosts is None else hosts
        self.robots = RobotsCache() if robots is None else robots

    def __reduce__(self) -> tuple[Callable[[], Memory], tuple[()]]:
        """See the class."""
        return process_memory, ()


@functools.cache
def process_memory() -> Memory:
    """The one that all clients of this process share unless they are given another."""
    return Memory()


@dataclass(frozen=True, slots=True)
class Session:
    """What all requests of a client go by."""

    limits: FetchLimits = FetchLimits()
    net: Net = Net()
    memory: Memory = field(default_factory=process_memory)
