"""Where pictures lie within a log: their URI, their bytes, and remote logs that are fetched once for all cameras."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.media.local_copy import bring, in_place, listed_sha256
from pipelines.media.log_pictures import FORMATS, PictureFormat, Selector
from schemas.errors import BadMedia
from tests.support.log_pictures import numbered, write_log

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    log=st.sampled_from(["/a/b.hdf5", "s3://bucket/a b?.h5", "/x!/y.zip!/z.h5", "hf://datasets/o/n@main/a.parquet"]),
    where=TEXT,
    rate_hz=st.fractions(min_value=Fraction(1, 1000), max_value=1000),
    options=st.dictionaries(TEXT.filter(lambda k: k not in ("", "rate")), TEXT),
)
@pytest.mark.slow
def test_a_selector_comes_back(log: str, where: str, rate_hz: Fraction, options: dict[str, str]) -> None:
    selector = Selector("hdf5", where, rate_hz, options)
    assert log_pictures.split(log_pictures.picture_uri(log, selector)) == (log, selector)


def test_its_uri_is_as_documented_and_others_are_none() -> None:
    selector = Selector("hdf5", "observations/images/top", Fraction(30000, 1001), {"rows": "0-9", "order": "bgr"})
    uri = "/a/b.hdf5!/hdf5:observations/images/top?rate=30000/1001&order=bgr&rows=0-9"
    assert log_pictures.picture_uri("/a/b.hdf5", selector) == uri
    assert not in_place(uri)
    assert listed_sha256("hf://datasets/o/n@main/" + uri, "a" * 64) is None
    others = ("/a/b.mp4", "/a.tar!/hdf5", "/a.tar!/gif:x?rate=3", "/a.h5!/hdf5:x", "/a.h5!/hdf5:x?rate=0",
              "/a.h5!/hdf5:x?rate=1/0", "/a.h5!/hdf5:x?rate=-3")  # fmt: skip
    assert [log_pictures.split(other) for other in others] == [None] * len(others)


@pytest.mark.parametrize(("fps_hz", "rate"), [(50.0, "50"), (29.97, "2997/100"), (0.5, "1/2"), (1 / 3, "1/3")])
def test_a_rate_is_the_fraction_that_is_meant(fps_hz: float, rate: str) -> None:
    assert log_pictures.rate_of(fps_hz) == Fraction(rate)


def test_what_is_hashed_is_what_is_written(tmp_path: Path) -> None:
    log = write_log(tmp_path / "a.hdf5", 5)
    for camera in ("jpeg", "png", "raw"):
        selector = Selector("hdf5", camera, Fraction(10))
        bring(log_pictures.picture_uri(str(log), selector), tmp_path / "film")
        data = (tmp_path / "film").read_bytes()
        assert log_pictures.digest(str(log), selector) == (hashlib.sha256(data).hexdigest(), len(data))
    with pytest.raises(FileNotFoundError):
        bring(log_pictures.picture_uri(str(tmp_path / "none.hdf5"), selector), tmp_path / "film")


class Bucket:
    """Objects that are said to be remote; notes what is fetched."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, held: dict[str, bytes]) -> None:
        self.held, self.fetched = held, list[str]()
        for name in ("info", "list_objects", "download"):
            monkeypatch.setattr(objects, name, getattr(self, name))
        monkeypatch.setattr(log_pictures, "_COPIES", type(log_pictures._COPIES)())

    def info(self, uri: str) -> ObjectInfo:
        if uri not in self.held:
            raise FileNotFoundError(uri)
        return ObjectInfo(uri, len(self.held[uri]), hashlib.md5(self.held[uri]).hexdigest(), 0)

    def list_objects(self, prefix: str) -> Iterator[ObjectInfo]:
        return (self.info(uri) for uri in sorted(self.held) if uri.startswith(prefix))

    def download(self, uri: str, path: Path) -> None:
        self.fetched.append(uri)
        path.write_bytes(self.held[uri])


def test_a_remote_log_is_fetched_once_while_it_stays_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    held = {f"s3://b/{i}.h5": bytes([i]) for i in range(4)}
    bucket = Bucket(monkeypatch, held)
    for _ in range(3):
        with log_pictures.local_log("s3://b/0.h5") as path:
            assert path.read_bytes() == b"\0"
    assert bucket.fetched == ["s3://b/0.h5"]
    held["s3://b/0.h5"] = b"new"
    with log_pictures.local_log("s3://b/0.h5") as path:
        assert path.read_bytes() == b"new"
    with pytest.raises(FileNotFoundError), log_pictures.local_log("s3://b/none.h5"):
        raise AssertionError
    with ExitStack() as users:  # what is read stays, however many there are; of what is not read, two
        paths = [users.enter_context(log_pictures.local_log(uri)) for uri in held]
        assert [p.read_bytes() for p in paths] == list(held.values())
    assert sum(p.exists() for p in paths) == log_pictures.MAX_COPIES


def test_of_a_log_that_is_a_folder_its_parts_alone_are_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pictures(path: Path, where: str, options: Mapping[str, str]) -> Iterator[np.ndarray]:
        assert sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file()) == [
            "img/.z",
            "img/0",
            "m",
        ]
        yield numbered(int((path / where / "0").read_text()))

    monkeypatch.setitem(FORMATS, "folder", PictureFormat(pictures, lambda where, options: (f"{where}/", "m")))
    folder = "s3://b/set.zarr"
    held = {f"{folder}/img/0": b"7", f"{folder}/img/.z": b"", f"{folder}/m": b"", f"{folder}/rows/0": b""}
    bucket = Bucket(monkeypatch, held)
    uri = log_pictures.picture_uri(folder, Selector("folder", "img", Fraction(1)))
    bring(uri, tmp_path / "film")
    assert len(bucket.fetched) == 3
    held[f"{folder}/img/../../../up"] = b""
    with pytest.raises(BadMedia, match="unsafe_name"):
        bring(uri, tmp_path / "film")
