"""Generations of pixels: told when libraries change them, kept until they are asked for anew, with no gap."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.corpus.corpus import Corpus
from pipelines.corpus.inventory import ASSET, CLIP
from pipelines.corpus.ledger import ledger
from pipelines.hop import Done, Run
from pipelines.ingest.hop import ingest
from pipelines.media import pixel_digest as digests
from pipelines.media.generations import (
    begin_generation,
    generations_of,
    generations_uri,
    recipe_under,
    with_generation,
)
from pipelines.media.options import PassOptions
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.support.robot_logs import write_video

OPTIONS = PassOptions(blur_faces=())


def bring_in(root: Path, run_id: str) -> Done:
    """One ingest of the folder beside the root, under the corpus's generation."""
    options = IngestOptions(cutting=with_generation(OPTIONS, str(root)))
    return ingest(Run(Store(str(root)), run_id), [Source("folder", str(root.parent / "media"), "ego")], options)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    for name in ("stays", "goes"):
        write_video(tmp_path / "media" / f"{name}.mp4", frames=8 + len(name))
    bring_in(tmp_path / "corpus", "first")
    return tmp_path / "corpus"


def made_by_others(root: Path) -> None:
    """Makes the corpus's clips those of other libraries."""
    place = Path(generations_uri(str(root)))
    plain = json.loads(place.read_text())
    plain["generations"][0] |= {"pixel_digest": "0" * 64, "libraries": {"numpy": "1.0"}}
    place.write_text(json.dumps(plain))


def test_the_digest_is_the_same_twice_and_tells_one_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests.pixel_digest.cache_clear()
    once = digests.pixel_digest()
    digests.pixel_digest.cache_clear()
    assert digests.pixel_digest() == once
    shutil.copytree(digests.CLIPS, tmp_path / "clips")
    write_video(tmp_path / "clips" / "mjpeg_422.avi", frames=3)
    monkeypatch.setattr(digests, "CLIPS", tmp_path / "clips")
    digests.pixel_digest.cache_clear()
    assert digests.pixel_digest() != once
    digests.pixel_digest.cache_clear()


@pytest.mark.slow
def test_a_first_generation_is_noted_and_changes_no_recipe(root: Path) -> None:
    (known,) = generations_of(str(root))
    assert known.pixel_digest == digests.pixel_digest()
    assert known.libraries.keys() == set(digests.LIBRARIES)
    assert with_generation(OPTIONS, str(root)) == OPTIONS
    assert (recipe_under(OPTIONS, str(root)), recipe_under(OPTIONS, str(root)).earlier) == (OPTIONS.recipe, ())


@pytest.mark.slow
def test_other_pixels_are_told_and_decode_nothing_again(root: Path) -> None:
    made_by_others(root)
    assert bring_in(root, "idle").notes == [], "nothing is decoded, so that nothing is decoded otherwise"
    write_video(root.parent / "media" / "new.mp4", frames=10)
    done = bring_in(root, "second")
    assert done.added == {"assets": 1, "clips": 1, "proxies": 1}
    assert "numpy 1.0 -> " in done.notes[0]
    assert "--redecode" in done.notes[0]


@pytest.mark.slow
def test_a_new_generation_decodes_what_is_there_and_keeps_what_is_gone(root: Path) -> None:
    before = Corpus(Store(str(root)), OPTIONS.recipe).clips().values(CLIP.clip_id)
    (root.parent / "media" / "goes.mp4").unlink()
    made_by_others(root)
    begin_generation(Run(Store(str(root)), "begin"))
    recipe = recipe_under(OPTIONS, str(root))
    assert recipe.earlier == (OPTIONS.recipe,)
    done = bring_in(root, "anew")
    assert (done.added, done.notes) == ({"assets": 1, "clips": 1, "proxies": 1}, [])
    corpus = Corpus(Store(str(root)), recipe)
    found = dict(zip(corpus.assets().values(ASSET.uri), corpus.assets().values(ASSET.recipe), strict=True))
    assert {Path(uri).stem: of for uri, of in found.items()} == {"stays": recipe, "goes": OPTIONS.recipe}
    assert corpus.clips().values(CLIP.clip_id) == before, "each span once, in its own generation"
    account, _ = ledger(corpus.store, recipe, Policy(detector="d").digest)
    assert account.unbalanced_ns() == 0
    assert account.by_reason.keys() == {"undecided"}, "nothing waits for a new recipe"
    assert bring_in(root, "again").added == {}


def test_options_of_another_generation_have_another_recipe() -> None:
    assert replace(OPTIONS, generation="g").recipe != OPTIONS.recipe
