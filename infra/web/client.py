"""The face of the web: one client a hop, which remembers how it stands with every host."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.web.host_limits import HostLimits
from infra.web.limits import FetchLimits
from infra.web.net import Net
from infra.web.revision import Download, ServedRevision
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
class Client:
    """Asks servers what a URL holds, and downloads it; threads and Beam's workers may share one.

    Both methods raise BadMedia (bad_url, private_address, insecure_redirect, too_many_redirects, robots_disallow,
    too_slow, bad_headers, bad_http, http_<status>) for what is final, and TransientError for what may pass, after
    `limits.attempts` tries in a row without progress.
    """

    limits: FetchLimits = FetchLimits()
    net: Net = Net()
    memory: Memory = field(default_factory=process_memory)

    def look_up(self, url: str) -> ServedRevision:
        """What the server holds now: by HEAD, or by a GET of one byte where HEAD is refused."""
        from infra.web.download import look_up  # httpx and httpcore load where they are used

        return look_up(url, self)

    def download(self, url: str, path: Path) -> Download:
        """Downloads to a file. What broke off goes on by range, while the server still has the same bytes.

        BadMedia, besides the client's: too_large, not_media_type, content_encoded, truncated.
        """
        from infra.web.download import download

        return download(url, path, self)

    def new_run(self) -> None:
        """Every robots.txt is read again, and hosts that failed are given another chance."""
        self.memory.robots.clear()
        self.another_chance()

    def another_chance(self) -> None:
        """Hosts that failed are asked again: who could not say what it has may yet give something."""
        self.memory.hosts.forget_failures()
