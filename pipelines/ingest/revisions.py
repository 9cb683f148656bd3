"""Which revision of a URL its server has now: what is unchanged costs one HEAD, and no fetch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra.web import Client, ServedRevision, redacted_url
from pipelines.corpus.stated import base_revision
from pipelines.hop import Run
from pipelines.sources.recordings import Item
from schemas import Asset
from schemas.columns import values_of
from schemas.errors import BadMedia, TransientError
from schemas.keys import shuffled_by
from schemas.tables import TypedTable, columns_of

NAME = "ingest"  # of the hop, whose rejects these are
ASSET = columns_of(Asset)
THREADS = 32
WEB = ("http://", "https://")
WEB_ONLY = "(uri like 'http://%' or uri like 'https://%')"
Answer = ServedRevision | BadMedia | TransientError


@dataclass(frozen=True, slots=True)
class Known:
    """URLs that the tables hold under a recipe: as assets, and as what was refused."""

    taken: frozenset[str]
    refused: frozenset[str]

    @staticmethod
    def of(run: Run, recipe: str) -> Known:
        """As the tables are now."""
        taken = run.store.read("assets", ["uri"], f"recipe = '{recipe}' and {WEB_ONLY}")["uri"]
        where = f"stage = '{NAME}' and recipe = '{recipe}' and {WEB_ONLY}"
        refused = run.store.read("rejects", ["uri"], where)["uri"]
        return Known(frozenset(values_of(taken, str)), frozenset(values_of(refused, str)))


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of asking servers: items with their revisions, a line for each new URL that was not reached.

    gone: reasons by URL, of those that the corpus has and whose servers refuse them now.
    """

    items: list[Item]
    unreached: list[str]
    gone: dict[str, str]


def is_web(item: Item) -> bool:
    """Whether an item is fetched from the web as a whole file."""
    return item.uri.startswith(WEB) and "!/" not in item.uri


def link(item: Item) -> str:
    """The URL that is asked and fetched."""
    return item.signed_uri or item.uri


def with_server_revisions(run: Run, items: Sequence[Item], recipe: str, client: Client, *, again: bool) -> Answers:
    """The items with the revisions that their servers have now.

    An item that has a revision (or is bad) stays as it is. again: a URL that is taken already is asked too; otherwise
    it is left out. A URL that is known and cannot be asked now, or is gone, is left out: what it gave stays.
    """
    out = [item for item in items if not is_web(item)]
    # Another order each run: a few URLs that always fail would else hold up what is listed after them for ever.
    web_items = sorted((i for i in items if is_web(i)), key=lambda item: shuffled_by(run.run_id, item.uri))
    out += [item for item in web_items if not _to_ask(item)]
    to_ask = [item for item in web_items if _to_ask(item)]
    if not to_ask:
        return Answers(out, [], {})
    known = Known.of(run, recipe)
    if not again:
        to_ask = [item for item in to_ask if item.uri not in known.taken]
    answers = _answers(run, [link(item) for item in to_ask], client)
    unreached: list[str] = []
    gone: dict[str, str] = {}
    for item in to_ask:
        answer = answers[link(item)]
        if isinstance(answer, ServedRevision):
            out.append(_with(item, answer))
        elif isinstance(answer, BadMedia) and item.uri in known.taken:
            gone[item.uri] = answer.reason
        elif isinstance(answer, BadMedia):
            out.append(replace(item, revision=answer.reason, bad=(answer.reason, answer.detail)))
        elif isinstance(answer, TransientError) and item.uri not in known.taken | known.refused:
            unreached.append(f"{redacted_url(item.uri)}: {answer}")
    return Answers(out, unreached, gone)


def with_known_bytes(run: Run, items: Mapping[str, Item]) -> dict[str, Item]:
    """The items, those of the web with the sha256 of their bytes where the corpus has taken this revision before."""
    if not any(is_web(item) and item.revision for item in items.values()):
        return dict(items)
    assets = TypedTable(Asset, run.store.read("assets", ["uri", "revision", "sha256"], WEB_ONLY))
    places = zip(assets.values(ASSET.uri), assets.values(ASSET.revision), strict=True)
    known = dict(zip(places, assets.values(ASSET.sha256), strict=True))

    def with_sha256(item: Item) -> Item:
        base = base_revision(item.revision)
        return replace(item, known_sha256=known.get((item.uri, base)) if base else None) if is_web(item) else item

    return {key: with_sha256(item) for key, item in items.items()}


def _to_ask(item: Item) -> bool:
    return is_web(item) and not item.revision and item.bad is None


def download_item(item: Item, path: Path, client: Client) -> tuple[Item, str]:
    """Downloads an item; returns it with the revision that its bytes belong to, and their sha256.

    A revision of the source's own stays, and so does one that the response repeats. Where it says another, the server
    is asked again: if HEAD still says what it said at listing, the server speaks differently of GET and HEAD, and it
    stays; if it says what the response said, the bytes are the new revision's. TransientError: it changes as we look.
    """
    got = client.download(link(item), path)
    if not item.served or got.served.revision == item.revision:
        return item, got.sha256
    now = client.look_up(link(item))
    if now.revision == item.revision:
        return item, got.sha256
    if now.revision == got.served.revision:
        return _with(item, got.served), got.sha256
    raise TransientError(f"{redacted_url(item.uri)} changed while it was fetched; run the same command again")


def _with(item: Item, served: ServedRevision) -> Item:
    size = served.size_bytes or 0
    return replace(item, revision=served.revision, modified_ns=served.modified_ns, size_bytes=size, served=True)


def _answers(run: Run, urls: Iterable[str], client: Client) -> Mapping[str, Answer]:
    """What each URL's server says. Hosts in turn: a slow one, with its few connections, holds up its own URLs alone."""
    order = _interleaved(list(dict.fromkeys(urls)))
    answers: dict[str, Answer] = {}
    threads = ThreadPoolExecutor(min(THREADS, len(order) or 1))
    try:
        for url, answer in zip(order, threads.map(lambda u: _answer(u, client), order), strict=True):
            answers[url] = answer
            run.progress("ask", len(answers), len(order))
    finally:  # interrupted: what has not begun never does
        threads.shutdown(cancel_futures=True)
    return answers


def _answer(url: str, client: Client) -> Answer:
    try:
        return client.look_up(url)
    except (BadMedia, TransientError) as e:
        return e


def _interleaved(urls: list[str]) -> list[str]:
    """The first URL of every host, then the second of every host, and so on."""
    by_host: Counter[str] = Counter()
    ranks = []
    for url in urls:
        host = url.split("/", 3)[2]
        ranks.append(by_host[host])
        by_host[host] += 1
    return [url for _, url in sorted(zip(ranks, urls, strict=True), key=lambda pair: pair[0])]
