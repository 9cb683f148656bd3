"""Each host's robots.txt, read once a run."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from infra.web.host_limits import RetryNextRun
from infra.web.robots import Rules


class RobotsCache:
    """Rules by origin (`scheme://host:port`), or why a host whose rules cannot be read is not asked in this run."""

    def __init__(self, max_hosts: int = 10_000) -> None:
        self.max_hosts = max_hosts
        self._rules: OrderedDict[str, Rules | RetryNextRun] = OrderedDict()
        self._reading: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def rules_of(self, origin: str, read: Callable[[str], Rules | RetryNextRun]) -> Rules:
        """The origin's rules: read by one of many threads, while the others wait. RetryNextRun: what `read` gave."""
        with self._lock:
            reading = self._reading.setdefault(origin, threading.Lock())
        with reading:
            with self._lock:
                rules = self._rules.get(origin)
            if rules is None:
                rules = read(origin)
                with self._lock:
                    self._rules[origin] = rules
                    while len(self._rules) > self.max_hosts:
                        self._reading.pop(self._rules.popitem(last=False)[0], None)
        if isinstance(rules, RetryNextRun):
            raise RetryNextRun(*rules.args)
        return rules

    def clear(self) -> None:
        """Every robots.txt is read again."""
        with self._lock:
            self._rules.clear()
            self._reading.clear()
