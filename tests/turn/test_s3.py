"""The whole turn in a bucket of a real S3 server: the release of the local folder, and nothing new the second time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import handwheel
import pytest

from tests.faults.compare import differences, state_of
from tests.faults.turns import Turned, told
from tests.support.s3_server import needs_weed, s3_server

pytestmark = needs_weed


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri


@pytest.mark.slow
def test_a_bucket_holds_what_a_folder_does(bucket: str, tmp_path: Path, turned: Turned) -> None:
    here, root = turned, f"{bucket}/robots/corpus"
    words = ["turn", "--config", str(here.config), "--root", root]
    first = told(words)
    assert first["added"] == here.told["added"]
    there = state_of(root, here.config)
    assert differences(state_of(here.root, here.config), there) == []
    assert len(first["triggers"]) == len(here.told["triggers"]) > 0

    again = told(words)
    assert (again["added"], again["release"], again["triggers"]) == ({}, None, [])
    assert again["versions"] == first["versions"]

    release = handwheel.open(first["pin"])
    local = handwheel.open(here.told["pin"])
    assert release.id == local.id
    assert release.pin.root == root
    for name in local.views:
        ours, theirs = local.view(name), release.view(name)
        assert ours.clip_ids == theirs.clip_ids
        assert (ours[0].frames == theirs[0].frames).all()
