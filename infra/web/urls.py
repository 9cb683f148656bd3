"""URLs: the host that one names, and how one is shown to a reader."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from schemas.errors import BadMedia

HOST = re.compile(r"[^\x00-\x20\x7f]+")


def redacted_url(url: object) -> str:
    """The URL as it may be shown: without a name and password, and without what follows `?`, which may sign it."""
    return re.sub("//[^/]*@", "//", str(url).partition("?")[0])


def host_of(url: str) -> tuple[str, int]:
    """Host and port of a plain http or https URL; whatever a resolver or httpx would choke on is `bad_url`."""
    import httpx

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = parts.hostname or ""
        host.encode("idna")
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL) as e:
        raise BadMedia("bad_url", f"{e}: {redacted_url(url)[:80]!r}"[:200]) from e
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or not HOST.fullmatch(host):
        raise BadMedia("bad_url", f"only plain http and https URLs are fetched: {redacted_url(url)[:80]!r}")
    return host, port


def host_and_port(url: str) -> str:
    """`host:port` of a URL, the port of its scheme where it names none. BadMedia `bad_url`."""
    return "{}:{}".format(*host_of(url))
