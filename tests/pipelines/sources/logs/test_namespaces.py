"""Namespaces: a name that is said, the Hub's id, or the path below the source; the same wherever the source lies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.logs.namespaces import namespace_of, place_of
from schemas.migrations import RobotPlace, from_2

HUB = "hf://datasets/org/set"
PARTS = st.lists(st.text("abc._- ", min_size=1).filter(lambda p: p.strip(". ") == p), min_size=1, max_size=3)


@pytest.mark.parametrize(
    ("source", "name", "root", "namespace"),
    [
        ("/data/logs", None, "/data/logs", "logs"),
        ("/data/logs/", None, "/data/logs/a/b", "a/b"),
        ("/data/logs", "lab", "/data/logs", "lab"),
        ("/data/logs", "lab", "/data/logs/a", "lab/a"),
        ("data", None, "data/./a", "a"),
        ("/data/demos.hdf5", None, "/data/demos.hdf5", "demos.hdf5"),
        ("s3://bucket/logs/", None, "s3://bucket/logs", "logs"),
        ("s3://bucket/logs", None, "s3://bucket/logs/a", "a"),
        ("s3://bucket", None, "s3://bucket", "bucket"),
        ("/data/arm/one.jsonl", None, "/data/arm", "arm"),
        ("/data/arm/sub/one.zarr", None, "/data/arm", "arm"),
        ("/data/arm/one.jsonl", "lab", "/data/arm", "lab"),
        ("s3://bucket/arm/one.jsonl", None, "s3://bucket/arm", "arm"),
        (f"{HUB}/all/one.zarr", "ours", f"{HUB}/all", "ours"),
        (f"{HUB}@main", None, f"{HUB}@main", "org/set"),
        (f"{HUB}@v2", None, f"{HUB}@v2/kitchen", "org/set/kitchen"),
        (f"{HUB}/kitchen", None, f"{HUB}/kitchen", "org/set/kitchen"),
        (f"{HUB}@refs/pr/3", "ours", f"{HUB}@refs/pr/3", "ours"),
        (f"{HUB}/all", "ours", f"{HUB}/all/kitchen", "ours/kitchen"),
    ],
)
def test_a_data_set_is_called_by_what_is_said_or_by_where_it_lies(
    source: str, name: str | None, root: str, namespace: str
) -> None:
    assert namespace_of(source, name, root) == namespace


def test_a_revision_of_the_hub_is_no_other_place() -> None:
    assert place_of(f"{HUB}@main/a") == place_of(f"{HUB}@v2/a") == place_of(f"{HUB}/a") != place_of(f"{HUB}/b")
    assert place_of("/data/./a/") == "/data/a"


def test_the_current_folder_has_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    monkeypatch.chdir(tmp_path / "logs")
    assert namespace_of(".", None, ".") == "logs"
    assert namespace_of(".", None, "kitchen") == "kitchen"


@given(at=PARTS, elsewhere=PARTS, below=st.lists(PARTS, max_size=4), name=st.none() | st.just("lab"))
@pytest.mark.slow
def test_moved_with_its_source_a_data_set_keeps_its_namespace_and_two_of_one_source_never_share_it(
    at: list[str], elsewhere: list[str], below: list[list[str]], name: str | None
) -> None:
    here, there = ("/" + "/".join([*parts, "source"]) for parts in (at, elsewhere))
    paths = sorted({"/".join(parts) for parts in below})
    ours = [namespace_of(here, name, f"{here}/{path}") for path in paths]
    assert ours == [namespace_of(there, name, f"{there}/{path}") for path in paths]
    assert len(set(ours)) == len(paths)
    if name is None:
        assert ours == paths


@given(at=PARTS, below=PARTS | st.just([]), name=st.none() | st.just("lab"))
@pytest.mark.slow
def test_a_migration_that_knows_the_config_gives_the_same_namespace_as_the_next_fold(
    at: list[str], below: list[str], name: str | None
) -> None:
    for source in ("/" + "/".join(at), "s3://bucket/" + "/".join(at)):
        root = "/".join([source, *below])
        for uri, log in ((source, f"{root}/one.jsonl"), (f"{root}/one.jsonl", f"{root}/one.jsonl")):
            assert from_2.namespace_of([RobotPlace(uri, name)], log) == namespace_of(uri, name, root)
