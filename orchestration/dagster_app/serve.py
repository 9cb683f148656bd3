"""`handwheel serve`: Dagster's web page and its daemon over one config."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from infra.storage import objects
from orchestration import dagster_app
from orchestration.config import Config
from schemas.keys import key_of

# Runs queue one behind the other: hops hold leases, and two turns at once would refuse each other.
INSTANCE = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    max_concurrent_runs: 1
"""
# Dagster imports the definitions in a process of its own, where HANDWHEEL_CONFIG is set; here nobody does.
WORKSPACE = f"""\
load_from:
  - python_module:
      module_name: {dagster_app.__name__}.definitions
      location_name: handwheel
"""


def home(config: Config) -> Path:
    """Dagster's own folder (SQLite, event logs): in the root; in the user's state folder for a root on S3."""
    folder = Path(config.root) / "dagster"
    if objects.is_s3(config.root):
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
        folder = Path(state) / "handwheel" / key_of(config.root)[:16]
    return folder.resolve()


def prepare(config: Config) -> dict[str, str]:
    """Writes Dagster's settings and the resolved config; returns the environment that names them."""
    folder = home(config)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(INSTANCE)
    (folder / "workspace.yaml").write_text(WORKSPACE)
    resolved = folder / "handwheel.json"
    resolved.write_text(config.model_dump_json())
    return os.environ | {
        "DAGSTER_HOME": str(folder), "HANDWHEEL_CONFIG": str(resolved), "DAGSTER_DISABLE_TELEMETRY": "1",
        "PYTHONWARNINGS": "ignore:Function",  # `dagster dev` recommends another tool at every start
    }  # fmt: skip


def serve(config: Config, host: str = "127.0.0.1", port: int = 3000) -> NoReturn:
    """Becomes `dagster dev`, so that signals reach it. A changed handwheel.toml counts from the next start.

    The page has no login: whoever reaches the host and port can start runs.
    """
    environment = prepare(config)
    where = ["--workspace", str(home(config) / "workspace.yaml"), "--host", host, "--port", str(port)]
    # A shell starts background commands with SIGINT ignored, and Dagster would then ignore SIGTERM too.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.stdout.flush()
    os.execve(sys.executable, [sys.executable, "-m", "dagster", "dev", *where], environment)
