"""Ingest from a web server and from S3, both of which drop, stall, refuse and cut off by a seed; then every table
against an undisturbed run's.

`python -m tests.faults.fetch --seeds 20` prints a line a seed and exits 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.storage import objects, resumable, s3
from orchestration import config as configs
from orchestration import turn
from tests.faults.compare import State, differences, state_of
from tests.faults.servers import Schedule, before, web
from tests.support.media import shot, write
from tests.support.s3_server import s3_server

CONFIG = """
root = "corpus"
[[source]]
kind = "url_list"
uri = "{folder}/list.jsonl"
[[source]]
kind = "folder"
uri = "{bucket}/media"
stage = "ego"
[ingest]
batch_items = {batch}
[ingest.fetch]
allow_private = ["127.0.0.1:{port}"]
attempts = 8
backoff_s = 0.05
stall_s = 0.4
host_requests_per_s = 500.0
[engines.beam]
workers = 4
"""


@dataclass(frozen=True, slots=True)
class Bench:
    """Both servers, what befalls them, and the config that reads from them."""

    folder: Path
    config: Path
    http: Schedule
    s3: Schedule

    def run(self, name: str, seed: int, share: float) -> State:
        """Ingests into a new root; what it holds then. S3, which is asked less often, fails twice as often."""
        self.http.begin(seed, share)
        self.s3.begin(seed, min(1.0, 2 * share))
        root = self.folder / name
        settings = configs.load(self.config, [], str(root))
        done = turn.run_hop(turn.hop_named("ingest"), turn.context_of(settings))
        assert all("links are dead" in note for note in done.notes), done.notes
        state = state_of(root, self.config)
        shutil.rmtree(root)
        return state


@contextmanager
def bench(folder: Path, files: int, batch: int = 256) -> Iterator[Bench]:
    """A few recordings, each in either place and decoded once; a page and a dead link."""
    media = folder / "web"
    media.mkdir()
    http, s3 = Schedule(0, stall_s=1.0), Schedule(0, stall_s=1.0)
    for i in range(files):
        write(media / f"v{i}.mp4", shot(i, 8))
    (media / "page.mp4").write_text("<!doctype html>")
    names = [*(f"v{i}.mp4" for i in range(files)), "page.mp4", "gone.mp4"]
    (folder / "weed").mkdir()
    with web(media, http) as port, s3_server(folder / "weed") as bucket, _patient(s3):
        lines = [json.dumps({"url": f"http://127.0.0.1:{port}/{name}", "caption": name}) for name in names]
        (folder / "list.jsonl").write_text("\n".join(lines))
        for i in range(files):
            objects.upload(media / f"v{i}.mp4", f"{bucket}/media/take{i}.mp4")
        objects.put(f"{bucket}/media/take0.txt", b"A square drifts.")
        config = folder / "handwheel.toml"
        config.write_text(CONFIG.format(folder=folder, bucket=bucket, port=port, batch=batch))
        yield Bench(folder, config, http, s3)


@contextmanager
def _patient(schedule: Schedule) -> Iterator[None]:
    """S3's door behind a proxy, with short waits."""
    with before(os.environ["AWS_ENDPOINT_URL"], schedule) as url, pytest.MonkeyPatch.context() as patch:
        schedule.share = 0.0
        patch.setenv("AWS_ENDPOINT_URL", url)
        patch.setattr(s3, "READ_TIMEOUT_S", 0.4)
        patch.setattr(resumable, "MAX_BACKOFF_S", 0.05)
        s3.client_of.cache_clear()
        try:
            yield
        finally:
            s3.client_of.cache_clear()


def main() -> int:
    parser = argparse.ArgumentParser(description="ingest through servers that fail by a seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--share", type=float, default=0.5, help="of the requests that fail")
    parser.add_argument("--files", type=int, default=8, help="in either place")
    options = parser.parse_args()
    folder, wrong = Path(tempfile.mkdtemp(prefix="handwheel-faults-")), 0
    with bench(folder, options.files, batch=5) as both:
        wanted = both.run("undisturbed", 0, 0.0)
        for seed in range(1, options.seeds + 1):
            begun = time.monotonic()
            found = differences(wanted, both.run(f"seed{seed}", seed, options.share))
            drawn = both.http.drawn + both.s3.drawn
            said = ", ".join(f"{n} {fault}" for fault, n in sorted(drawn.items()))
            same = "the same" if not found else "; ".join(found)
            print(f"seed {seed:>3}  {time.monotonic() - begun:6.1f} s  {said}: {same}", flush=True)
            wrong += bool(found)
    shutil.rmtree(folder, ignore_errors=True)
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
