"""Bounds of one download, and manners towards its host: the configuration's `[ingest.fetch]`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of one download, and manners towards its host."""

    size_bytes: int = 20 << 30  # of one file
    wall_s: float = 7200.0  # on the line and between attempts; waiting for a host's slot does not count
    connect_s: float = 15.0  # to open a connection
    stall_s: float = 30.0  # without a byte: the connection is given up, and the download goes on by range
    slowest_bytes_per_s: int = 4096  # over each slow_window_s of a connection
    slow_window_s: float = 60.0
    redirects: int = 5  # followed for one URL
    allow_private: tuple[str, ...] = ()  # host:port pairs that may be private, for a server of one's own
    attempts: int = 4  # in a row without progress
    backoff_s: float = 20.0  # longest wait between two attempts, drawn at random
    retry_after_s: float = 120.0  # longest wait that a server may ask for; a longer one leaves the URL to the next run
    host_connections: int = 4  # to one host at once
    host_requests_per_s: float = 10.0  # to one host
    robots: bool = True  # robots.txt is honoured
    crawl_delay_s: float = 10.0  # longest Crawl-delay of a robots.txt that is kept
