"""`handwheel serve`: Dagster's web page and its daemon over this config."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

# Runs queue one behind the other: hops hold leases, and two turns at once would refuse each other.
INSTANCE = """\
telemetry:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""


def home(config_path: Path) -> Path:
    """Dagster's own folder (SQLite, event logs), hidden beside the config; made where it is not there."""
    folder = config_path.resolve().parent / ".handwheel" / "dagster"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(INSTANCE)
    return folder


def serve(config_path: Path, host: str = "127.0.0.1", port: int = 3000) -> NoReturn:
    """Becomes `dagster dev` on host and port, so that signals reach it; the page has no login, hence localhost."""
    environment = os.environ | {
        "DAGSTER_HOME": str(home(config_path)),
        "HANDWHEEL_CONFIG": str(config_path.resolve()),
        "DAGSTER_DISABLE_TELEMETRY": "1",
    }
    where = ["--host", host, "--port", str(port)]
    command = [sys.executable, "-m", "dagster", "dev", "--module-name", "orchestration.definitions", *where]
    sys.stdout.flush()
    os.execve(sys.executable, command, environment)
