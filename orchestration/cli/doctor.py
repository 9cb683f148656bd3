"""`handwheel doctor`: what this machine has and lacks, with the command that mends it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from orchestration.cli import doctor_logs
from orchestration.cli.options import ConfigFile, Json, Sets, output


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a machine has or lacks, and the command that mends it."""

    name: str
    ok: bool
    needed: bool
    seen: str
    mend: str


def command(
    logs: Annotated[str | None, typer.Option("--logs", help="look at robot logs instead: a folder or prefix")] = None,
    kind: Annotated[str, typer.Option("--kind", help="their format; default: found out")] = "",
    items: Annotated[int, typer.Option("--items", min=1, help="how many of the logs to read")] = 50,
    config: ConfigFile = None, sets: Sets = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Check what this machine has and what is missing, with the command that installs it (exit 2 if needed).

    With --logs: what a fold would make of robot logs, what it would refuse, and what mends it; nothing is stored.
    """
    if logs is not None:
        doctor_logs.tell_of(logs, kind, items, doctor_logs.said_of(logs, config, sets), as_json)
        return
    with output(as_json) as tell:
        checks = examine()
        tell({"checks": [asdict(check) for check in checks]} if as_json else as_text(checks))
    if not all(check.ok for check in checks if check.needed):
        raise typer.Exit(2)


def examine() -> list[Check]:
    """Every check of this machine."""
    checks = (
        ("python 3.11", _python, True, "install Python 3.11, then `make setup`"),
        ("ffmpeg", _ffmpeg, True, "`make setup`"),
        ("hand detector's weights", _weights, True, "`python -m infra.models.weights`"),
        ("beam, ray, lance", _engines, True, "`make setup`"),
        ("disk", _disk, True, "free some disk space: with less than 2 GB nothing large can be ingested"),
        (
            "torch",
            lambda: importlib.metadata.version("torch"),
            False,
            "`make setup-test`; only the transformers captioner needs it",
        ),
        ("chromium", _chromium, False, "install Chromium; only the tests of the pages need it"),
        (
            "S3 endpoint",
            _s3,
            False,
            "set the AWS variables (and AWS_ENDPOINT_URL for another server), if the root is s3://",
        ),
    )
    return [_check(*check) for check in checks]


def _check(name: str, measure: Callable[[], str], needed: bool, mend: str) -> Check:
    try:
        return Check(name, True, needed, measure(), "")
    except Exception as e:  # noqa: BLE001 - whatever is wrong with the machine is what this command reports
        return Check(name, False, needed, f"{type(e).__name__}: {e}"[:200], mend)


def _python() -> str:
    if sys.version_info[:2] != (3, 11):
        raise RuntimeError(f"this is {sys.version.split()[0]}")
    return sys.version.split()[0]


def _ffmpeg() -> str:
    from infra.video.encoder import version as encoder_version

    return encoder_version()


def _weights() -> str:
    from infra.models.weights import hand_weights

    return str(hand_weights())


def _engines() -> str:
    return ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("apache-beam", "ray", "pylance"))


def _disk() -> str:
    free = shutil.disk_usage(".").free
    if free < 2 << 30:
        raise RuntimeError(f"{free >> 20} MB free")
    return f"{free >> 30} GB free here"


def _chromium() -> str:
    path = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)
    if path is None:
        raise RuntimeError("not found")
    return path


def _s3() -> str:
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if not endpoint and "AWS_ACCESS_KEY_ID" not in os.environ:
        raise RuntimeError("no AWS variables")
    return endpoint or "AWS"


def as_text(checks: list[Check]) -> str:
    """The checks for people."""
    mark = {True: "ok", False: "MISSING"}
    lines = [f"{mark[c.ok] if c.needed or c.ok else '-':>6}  {c.name}: {c.seen}" for c in checks]
    return "\n".join([*lines, *(f"        for {c.name}: {c.mend}" for c in checks if c.mend)])
