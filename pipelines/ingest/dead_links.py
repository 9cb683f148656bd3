"""Links that lead nowhere: how many of those that a source offers, and why.

Dead is what its server refuses for good (`http_404` and the like) or answers with a page; not what could not be
reached, nor what robots.txt or a limit of ours leaves alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pipelines.hop import Run
from pipelines.ingest.revisions import NAME, WEB_ONLY, Known
from schemas import Reject
from schemas.tables import TypedTable, columns_of

REJECT = columns_of(Reject)
PAGES = ("not_media_type", "html_page")
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Offered:
    """What a source of the web offers: its own URI and the places of its links."""

    source: str
    uris: Sequence[str]


def dead_link_lines(run: Run, offered: Sequence[Offered], gone: Mapping[str, str], recipe: str) -> Iterator[str]:
    """A line for each source that has dead links.

    gone: reasons of URLs that the corpus has and whose servers refuse them now; of others the rejects say it.
    """
    if not any(source.uris for source in offered):
        return
    taken = Known.of(run, recipe).taken
    where = f"stage = '{NAME}' and recipe = '{recipe}' and {WEB_ONLY}"
    rejects = TypedTable(Reject, run.store.read("rejects", ["uri", "reason"], where))
    refused = {
        uri: reason
        for uri, reason in zip(rejects.values(REJECT.uri), rejects.values(REJECT.reason), strict=True)
        if is_dead(reason) and uri not in taken
    }
    for source in offered:
        uris = set(source.uris)
        reasons = Counter(
            reason for uri in uris if (reason := gone.get(uri) or refused.get(uri)) is not None and is_dead(reason)
        )
        if dead := reasons.total():
            by_count = sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
            most = ", ".join(f"{n} {reason}" for reason, n in by_count[:SHOWN])
            yield f"{source.source}: {dead} of {len(uris)} links are dead ({dead / len(uris):.1%}): {most}"


def is_dead(reason: str) -> bool:
    """Whether a refusal's reason means that the link leads nowhere."""
    return reason.startswith("http_") or reason in PAGES
