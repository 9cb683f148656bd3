"""robots.txt as RFC 9309 has it: the longest rule that matches wins, `*` and `$` are wildcards.

urllib.robotparser takes the first rule that matches and knows no wildcard, so that `Disallow: /*.mp4$` stops nothing.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urlsplit

MAX_BYTES = 512 << 10  # RFC 9309: at least 500 KiB are to be read; what follows is ignored
MAX_RULES = 2000
TOKEN = re.compile(r"[a-zA-Z_-]+")
ENCODED = re.compile("%([0-9A-Fa-f]{2})")
UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules of one group: (path pattern, whether it allows), and seconds between requests where it names them."""

    paths: tuple[tuple[str, bool], ...] = ()
    delay_s: float = 0.0

    def allow(self, url: str) -> bool:
        """Whether the URL may be fetched. Of rules of one length, the one that allows."""
        parts = urlsplit(url)
        path = _plain(f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}")
        matches = [(len(pattern), allows) for pattern, allows in self.paths if _matches(pattern, path)]
        return max(matches)[1] if matches else True


def parse_rules(data: bytes, agent: str) -> Rules:
    """Rules for a product token: those of its own groups, else those of `*`. Broken lines are left out."""
    groups: dict[str, list[tuple[str, str]]] = {}
    named: list[str] = []
    ruled = False
    for line in data[:MAX_BYTES].decode("utf-8-sig", errors="replace").splitlines():
        key, _, value = (part.strip() for part in line.partition("#")[0].partition(":"))
        key = key.lower()
        if key == "user-agent":
            named, ruled = ([] if ruled else named), False
            token = TOKEN.match(value)
            named.append(token[0].lower() if token else value)
            groups.setdefault(named[-1], [])
        elif key in ("allow", "disallow", "crawl-delay"):
            ruled = True
            for name in named:
                groups[name].append((key, value))
    return _rules(groups.get(agent.lower(), groups.get("*", [])))


def _rules(lines: list[tuple[str, str]]) -> Rules:
    paths = tuple((_pattern(v), k == "allow") for k, v in lines if k != "crawl-delay" and v)
    delays = [float(v) for k, v in lines if k == "crawl-delay" and re.fullmatch(r"\d{1,6}(\.\d{1,3})?", v)]
    return Rules(paths[:MAX_RULES], max(delays, default=0.0))


def _plain(path: str) -> str:
    """One spelling (RFC 9309 2.2.2, 2.2.3): what RFC 3986 reserves stays as it is, but for `*` and `$`."""

    def spelled(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if character in UNRESERVED else match[0].upper()

    return quote(ENCODED.sub(spelled, path), safe="%/?&=:;,@!+'()~[]", errors="surrogateescape")


def _pattern(text: str) -> str:
    """A rule's path in the same spelling; its own `*`, and `$` at its end, stay."""
    ends = text.endswith("$")
    return "*".join(map(_plain, text.removesuffix("$").split("*"))) + ("$" if ends else "")


@lru_cache(4096)
def _parts(pattern: str) -> tuple[tuple[str, ...], bool]:
    """The fixed parts between the pattern's stars, and whether it ends the path."""
    ends = pattern.endswith("$")
    return tuple(pattern.removesuffix("$").split("*")), ends


def _matches(pattern: str, path: str) -> bool:
    """Greedy from the left, which finds a match where there is one, in linear time: no regex of a stranger's making."""
    (first, *rest), ends = _parts(pattern)
    if not path.startswith(first):
        return False
    at = len(first)
    for part in rest[:-1] if ends else rest:
        if (place := path.find(part, at)) < 0:
            return False
        at = place + len(part)
    if not ends:
        return True
    return len(path) - len(rest[-1]) >= at and path.endswith(rest[-1]) if rest else len(path) == at
