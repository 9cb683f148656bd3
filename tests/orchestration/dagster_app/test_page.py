"""`handwheel serve` in a real browser: the page shows the hops."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("dagster_webserver")

from orchestration.cli import main as cli
from orchestration.turn import HOPS

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REPOSITORY = Path(__file__).resolve().parents[3]
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1500,1000", "--virtual-time-budget=20000",
)  # fmt: skip


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def group_ends(pid: int, within_s: float) -> bool:
    """Whether every process of the group goes away in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.2)
    return False


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """The address of a served page; afterwards SIGTERM ends the server and all it started."""
    port = free_port()
    environment = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'packages/handwheel'}"}
    command = [
        sys.executable,
        "-m",
        cli.__name__,
        "serve",
        "--root",
        str(tmp_path / "root"),
        "--port",
        str(port),
    ]
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        await_page(server, address, tmp_path / "log")
        yield address
        server.send_signal(signal.SIGTERM)
        server.wait(90)
        assert group_ends(server.pid, 60), "serve left processes behind"
    finally:
        if not group_ends(server.pid, 0.1):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def await_page(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            httpx.get(f"{address}/server_info", trust_env=False).raise_for_status()
            return
        except httpx.TransportError:
            time.sleep(0.5)
    raise AssertionError(f"no page after 240 s: {log.read_text()}")


def browse(address: str, folder: Path, *what: str) -> str:
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={folder / 'profile'}", *what, address]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, check=True).stdout


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed: apt-get install chromium")
def test_the_page_shows_every_hop(page: str, tmp_path: Path) -> None:
    document = browse(f"{page}/locations/handwheel/asset-groups/turn", tmp_path, "--dump-dom")
    for hop in HOPS:
        assert f">{hop.name}</" in document, f"{hop.name} is not on the page"
    assert "Join the Dagster community" not in document
    automation = browse(f"{page}/automation", tmp_path, "--dump-dom")
    for name in ("ingest", "logs", "triggers"):
        assert f">{name}</" in automation, f"{name} is not among the automations"
    if shots := os.environ.get("HANDWHEEL_SCREENSHOTS"):
        for name, where in (
            ("dagster_graph", "locations/handwheel/asset-groups/turn"),
            ("dagster_automation", "automation"),
        ):
            browse(f"{page}/{where}", tmp_path, f"--screenshot={Path(shots) / name}.png")
