"""What a run of hops ends with: seconds kept and refused, what changed since the parent, the page to look at."""

from __future__ import annotations

from pathlib import Path

from infra.storage import objects
from infra.storage.tables import Store
from orchestration.config import Config
from pipelines.corpus import ledger as books
from pipelines.corpus import releases as files
from schemas.errors import UsageError
from schemas.spans import NS

REASONS_SHOWN = 5
PLACES = {"kept": "kept", "rejected": "refused", "quarantined": "set aside", "unknown": "undecided",
          "failed": "unreadable", "pending": "waiting"}  # fmt: skip


def closing(store: Store, config: Config, recipe: str, release: str | None, *, is_new: bool) -> list[str]:
    """Lines for people. release: the one that this run made; is_new: whether anything was added at all."""
    if not is_new:
        return ["nothing new: no release, no trigger"]
    account, _ = books.ledger(store, recipe, config.policy.digest)
    lines = [_account(account)]
    if release:
        lines += [*_change(store, release), f"release {release}, pin {files.pin_uri(store, release)}"]
        lines.append(_page(store, config, recipe, release))
    return lines


def _account(account: books.Account) -> str:
    """`12.0 s in: 5.0 s kept, 7.0 s refused (no hands 4.0 s, too dark 3.0 s)`."""
    whys = [f"{reason.replace('_', ' ')} {sec:.1f} s" for reason, sec in account.reasons_s().items() if sec]
    more = [f"{len(whys) - REASONS_SHOWN} more in `handwheel ledger`"] if len(whys) > REASONS_SHOWN else []
    places = [f"{account.places[p] / NS:.1f} s {word}" for p, word in PLACES.items() if account.places[p]]
    reasons = f" ({', '.join([*whys[:REASONS_SHOWN], *more])})" if whys else ""
    return f"{account.input_ns / NS:.1f} s in: {', '.join(places) or 'nothing'}{reasons}"


def _change(store: Store, release: str) -> list[str]:
    """Clips that came, went and changed since the parent, of all views; nothing for a first release."""
    parent = files.load(store, release).parent
    if parent is None:
        return []
    try:
        views = files.diff(store, parent, release).views.values()
    except (UsageError, OSError, ValueError):  # its folder was deleted by hand
        return [f"what changed since {parent} cannot be told: it is not there any more"]
    added, removed, changed = (sum(len(getattr(v, k)) for v in views) for k in ("added", "removed", "changed"))
    return [f"since {parent}: {added} clips added, {removed} removed, {changed} changed"]


def _page(store: Store, config: Config, recipe: str, release: str) -> str:
    """Writes the report beside a corpus on this disk, and says where; else how it is written."""
    if objects.is_s3(store.root):
        return f"`handwheel release report {release}` writes a page with pictures"
    from orchestration.reports.report import report_of

    out = Path(store.root) / "reports" / f"{release}.html"
    out.parent.mkdir(exist_ok=True)
    return f"report {report_of(store, recipe, config.policy.digest, release, out)}  (open it in a browser)"
