"""Which revision of a URL its server has now: what is unchanged costs one HEAD, and no fetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra import fetch as web
from infra.fetch import FetchLimits, Seen
from pipelines.hop import Run
from pipelines.sources import Item
from schemas.errors import BadMedia, TransientError

STAGE = "ingest"  # whose rejects these are
THREADS = 32
WEB = ("http://", "https://")
Answer = Seen | BadMedia | TransientError


@dataclass(frozen=True, slots=True)
class Known:
    """URLs that the tables hold under a recipe: as assets, and as what was refused."""

    taken: frozenset[str]
    refused: frozenset[str]

    @staticmethod
    def of(run: Run, recipe: str) -> Known:
        """As the tables are now."""
        web_only = "(uri like 'http://%' or uri like 'https://%')"
        taken = run.store.read("assets", ["uri"], f"recipe = '{recipe}' and {web_only}")["uri"].to_pylist()
        where = f"stage = '{STAGE}' and recipe = '{recipe}' and {web_only}"
        return Known(frozenset(taken), frozenset(run.store.read("rejects", ["uri"], where)["uri"].to_pylist()))


def is_web(item: Item) -> bool:
    """Whether an item is fetched from the web as a whole file."""
    return item.uri.startswith(WEB) and "!/" not in item.uri


def link(item: Item) -> str:
    """The URL that is asked and fetched."""
    return item.signed_uri or item.uri


def revised(
    run: Run, items: Sequence[Item], recipe: str, limits: FetchLimits, *, again: bool
) -> tuple[list[Item], list[str]]:
    """The items with the revisions that their servers have now, and a line for each new URL that was not reached.

    An item that has a revision (or is bad) stays as it is. again: a URL that is taken already is asked too; otherwise
    it is left out. A URL that is known and cannot be asked now, or is gone, is left out: what it gave stays.
    """
    asked = [item for item in items if is_web(item) and not item.revision and item.bad is None]
    if not asked:
        return list(items), []
    known = Known.of(run, recipe)
    if not again:
        asked = [item for item in asked if item.uri not in known.taken]
    answers = _answers(run, [link(item) for item in asked], limits)
    out, unreached = [], []
    for item in items:
        if not is_web(item) or item.revision or item.bad is not None:
            out.append(item)
        elif (answer := answers.get(link(item))) is None:
            continue
        elif isinstance(answer, Seen):
            out.append(_with(item, answer))
        elif isinstance(answer, BadMedia) and item.uri not in known.taken:
            out.append(replace(item, revision=answer.reason, bad=(answer.reason, answer.detail)))
        elif isinstance(answer, TransientError) and item.uri not in known.taken | known.refused:
            unreached.append(f"{web.told(item.uri)}: {answer}")
    return out, unreached


def fetched(item: Item, path: Path, limits: FetchLimits) -> tuple[Item, str]:
    """Downloads an item; returns it with the revision that its bytes belong to, and their sha256.

    A revision of the source's own stays, and so does one that the response repeats. Where it says another, the server
    is asked again: if HEAD still says what it said at listing, the server speaks differently of GET and HEAD, and it
    stays; if it says what the response said, the bytes are the new revision's. TransientError: it changes as we look.
    """
    got = web.fetch(link(item), path, limits)
    if not item.asked or got.seen.revision == item.revision:
        return item, got.sha256
    now = web.ask(link(item), limits)
    if now.revision == item.revision:
        return item, got.sha256
    if now.revision == got.seen.revision:
        return _with(item, got.seen), got.sha256
    raise TransientError(f"{web.told(item.uri)} changed while it was fetched; run the same command again")


def _with(item: Item, seen: Seen) -> Item:
    size = seen.size_bytes or 0
    return replace(item, revision=seen.revision, modified_ns=seen.modified_ns, size_bytes=size, asked=True)


def _answers(run: Run, urls: Iterable[str], limits: FetchLimits) -> Mapping[str, Answer]:
    """What each URL's server says. Hosts in turn: a slow one, with its few connections, holds up its own URLs alone."""
    order = _interleaved(list(dict.fromkeys(urls)))
    answers: dict[str, Answer] = {}
    threads = ThreadPoolExecutor(min(THREADS, len(order) or 1))
    try:
        for url, answer in zip(order, threads.map(lambda u: _answer(u, limits), order), strict=True):
            answers[url] = answer
            run.progress("ask", len(answers), len(order))
    finally:  # interrupted: what has not begun never does
        threads.shutdown(cancel_futures=True)
    return answers


def _answer(url: str, limits: FetchLimits) -> Answer:
    try:
        return web.ask(url, limits)
    except (BadMedia, TransientError) as e:
        return e


def _interleaved(urls: list[str]) -> list[str]:
    """The first URL of every host, then the second of every host, and so on."""
    seen: Counter[str] = Counter()
    ranks = []
    for url in urls:
        host = url.split("/", 3)[2]
        ranks.append(seen[host])
        seen[host] += 1
    return [url for _, url in sorted(zip(ranks, urls, strict=True), key=lambda pair: pair[0])]
