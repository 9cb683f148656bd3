"""The face of the web: one client a hop, which remembers how it stands with every host."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from infra.web.revision import Document, Download, ServedRevision
from infra.web.session import Session


@dataclass(frozen=True, slots=True)
class Client(Session):
    """Asks servers what a URL holds, and downloads it; threads and Beam's workers may share one.

    Each method raises BadMedia (bad_url, private_address, insecure_redirect, too_many_redirects, robots_disallow,
    too_slow, bad_headers, bad_http, http_<status>) for what is final, and TransientError for what may pass, after
    `limits.attempts` tries in a row without progress.
    """

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

    def read(self, url: str, max_bytes: int) -> Document:
        """A small document, unpacked where it is gzip. BadMedia, besides the client's: too_large, bad_gzip."""
        from infra.web.document import read_document

        return read_document(url, self, max_bytes)

    def new_run(self) -> None:
        """Every robots.txt is read again, and hosts that failed are given another chance."""
        self.memory.robots.clear()
        self.another_chance()

    def another_chance(self) -> None:
        """Hosts that failed are asked again: who could not say what it has may yet give something."""
        self.memory.hosts.forget_failures()
