"""The client on a real S3 server: open, read, verify, and damage found there as on disk."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import handwheel
import numpy as np
import pytest
from handwheel.storage import StorageFolder

from tests.support.releases import IDM_VIEW, Written, write_release
from tests.support.s3_server import needs_weed, put, s3_server

pytestmark = needs_weed


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri


@pytest.fixture(scope="module")
def uploaded(bucket: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[StorageFolder, Written]:
    written = write_release(tmp_path_factory.mktemp("corpus"), clips=5)
    place = StorageFolder.of(f"{bucket}/robots")
    for file in written.root.rglob("*"):
        if file.is_file():
            put(place, file.relative_to(written.root).as_posix(), file.read_bytes())
    return place, written


@pytest.mark.slow
def test_a_release_in_a_bucket_reads_like_the_one_on_disk(uploaded: tuple[StorageFolder, Written]) -> None:
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


@pytest.mark.slow
def test_damage_in_a_bucket_is_found(uploaded: tuple[StorageFolder, Written]) -> None:
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


@pytest.mark.slow
def test_nothing_there_is_told(uploaded: tuple[StorageFolder, Written]) -> None:
    with pytest.raises(handwheel.VerificationError, match="was never published here"):
        handwheel.open(uploaded[0].uri, release="2020-01-01.1")
    assert (uploaded[0] / "releases").sizes("none") == {}
