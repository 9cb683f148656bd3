"""All four annotated corpora through the real ingest, from a folder and from a bucket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.storage import objects
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.sources.recordings.annotations import list_below
from pipelines.staging.options import IngestOptions
from schemas.keys import salted
from tests.support.annotated import UID, corpora, ego4d_json, ego4d_video, items_of
from tests.support.s3_server import needs_weed, s3_server


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return corpora(tmp_path_factory.mktemp("media"))


def run(store: Store, name: str, kinds: dict[str, Path]) -> dict[str, int]:
    """Rows that an ingest of these kinds adds."""
    sources = [Source(kind, str(folder)) for kind, folder in kinds.items()]
    return ingest(Run(store, name, salt="pepper"), sources, IngestOptions()).added


@pytest.fixture(scope="module")
def corpus(real: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, dict[str, int]]:
    store = Store(str(tmp_path_factory.mktemp("corpus")))
    return store, run(store, "first", real)


@pytest.mark.slow
def test_all_four_kinds_come_in_with_what_is_said_of_them(corpus: tuple[Store, dict[str, int]]) -> None:
    store, added = corpus
    assert added["assets"] == 4
    assert "rejects" not in added
    assets = {a["licence"]: a for a in store.read("assets").to_pylist()}
    assert {a["stage"] for a in assets.values()} == {"ego"}
    epic, ego4d = assets["CC-BY-NC-4.0"], assets["LicenseRef-Ego4D"]
    exo, dex = assets["LicenseRef-Ego-Exo4D"], assets["CC-BY-NC-ND-4.0"]
    assert epic["narrations"] == [{"text": "open door", "start_ns": 140_000_000, "end_ns": 1_370_000_000}]
    assert epic["wearer_id"] == salted("epic_kitchens/P01", "pepper")
    assert [n["text"] for n in ego4d["narrations"]] == ["#C C picks up a #unsure", "#O A sits"]
    assert (ego4d["wearer_id"], ego4d["site_id"]) == (salted("ego4d/7", "pepper"), salted("ego4d/kitchen-1", "pepper"))
    assert [n["text"] for n in exo["narrations"]] == ["#C C lifts the wheel."]
    assert dex["narrations"] == [{"text": "Fold the towel.", "start_ns": None, "end_ns": None}]
    assert json.loads(dex["intrinsics_json"])["fx_px"] == pytest.approx(736.6, rel=1e-6)
    assert {a["width_px"] for a in assets.values()} == {96}


@pytest.mark.slow
def test_only_other_words_are_new(corpus: tuple[Store, dict[str, int]], real: dict[str, Path]) -> None:
    store, _ = corpus
    assert run(store, "second", real) == {}
    metadata = real["ego4d"] / "ego4d.json"
    before = metadata.read_bytes()
    redacted = [{"start_sec": 1.5, "end_sec": 1.8, "start_frame": 45, "end_frame": 54}]
    ego4d_json(real["ego4d"], [ego4d_video(UID, fb_participant_id=8, redacted_intervals=redacted)])
    assert run(store, "third", real) == {"assets": 1}
    metadata.write_bytes(before)
    assert run(store, "fourth", real) == {"assets": 1}, "what was said before is the newest word again"
    assert run(store, "fifth", real) == {}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri


@pytest.mark.slow
@needs_weed
def test_a_bucket_says_what_a_folder_does(real: dict[str, Path], bucket: str) -> None:
    for kind, folder in real.items():
        for file in (f for f in folder.rglob("*") if f.is_file()):
            objects.upload(file, f"{bucket}/{kind}/{file.relative_to(folder).as_posix()}")
            objects.put(f"{bucket}/{kind}_private/neighbour.mp4", b"x")
    for kind, folder in real.items():
        here, there = items_of(kind, folder), items_of(kind, f"{bucket}/{kind}")
        assert len(here) == 1
        assert here.keys() == there.keys()
        for name, item in here.items():
            said = {f: getattr(item, f) for f in ("narrations", "redacted", "wearer", "site", "intrinsics_json", "bad")}
            assert {f: getattr(there[name], f) for f in said} == said
            words = [i.revision.partition("+")[2] for i in (item, there[name])]
            assert words[0] != "" != words[1]
            assert words[0] == words[1] or kind == "egodex"  # there it is the ETag of the file that says them
    assert list(list_below(f"{bucket}/egodex")) == ["part1/basic_fold/0.hdf5", "part1/basic_fold/0.mp4"]
