"""The same bytes at several places: what one of them wants hidden is hidden, whatever the order in which they came."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.models import weights
from infra.sandbox import sandbox
from infra.storage.tables import Store
from infra.web import Client
from pipelines.corpus.inventory import current_clips, inventory
from pipelines.corpus.ledger import ledger
from pipelines.fold.pairing import Rows
from pipelines.fold.worker import FoldWorker, Offer
from pipelines.hop import Done, Run
from pipelines.ingest.worker import FetchedItem, IngestWorker
from pipelines.media.options import PassOptions
from pipelines.sources.logs import RobotSource
from pipelines.sources.logs.base import MediaFile
from pipelines.sources.logs.episode_log import CameraSpan
from pipelines.sources.recordings import Item
from pipelines.staging import package as packages
from pipelines.staging.options import IngestOptions
from schemas.errors import TransientError
from schemas.spans import NS, Span, merge
from tests.support.media import shot, write

MS = NS // 1000
SHA, LENGTH = "a" * 64, 2 * NS
BARE, BLURRED = PassOptions(blur_faces=()), PassOptions()


@dataclass(frozen=True)
class Place:
    """One place that holds the bytes: its stage, the spans that it wants redacted, or those of its attempts."""

    stage: str
    spans: tuple[Span, ...] = ()
    quarter_turns: int = 0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2 s at 10 Hz in one shot."""
    return write(tmp_path_factory.mktemp("video") / "v.mp4", shot(1, 20))


@dataclass(frozen=True)
class Corpus:
    """A corpus of these bytes alone, and the folder whose file holds them."""

    store: Store
    folder: Path
    options: PassOptions

    @property
    def recipe(self) -> str:
        return self.options.recipe

    def take(self, place: Place, name: str, revision: str = "1") -> None:
        """One run that finds the bytes at one place more, without an engine."""
        run = Run(self.store, f"run {name[1:].replace('/', ' ')} {revision}")
        hop = "fold" if place.stage == "robot" else "ingest"
        with run.hold(packages.LEASE) as held:
            if hop == "fold":
                self._fold(run, place, name)
            else:
                self._ingest(run, place, name, revision)
            assert packages.commit(run, hop, held, Done(hop)) == []

    def _ingest(self, run: Run, place: Place, name: str, revision: str) -> None:
        scratch, options = self.folder / "scratch", IngestOptions(cutting=self.options)
        staging, client = packages.staging(run, "ingest"), Client(options.fetch)
        worker = IngestWorker(self.store, run.run_id, "salt", staging, str(scratch), client, options)
        item = Item(name, revision, place.stage, redacted=place.spans, quarter_turns=place.quarter_turns)
        worker.decode((SHA, [FetchedItem(item, 1)]))

    def _fold(self, run: Run, place: Place, name: str) -> None:
        """The recording and its clips, as the attempts' log would have them."""
        worker = FoldWorker(
            store=self.store, run_id=run.run_id, salt="salt", staging=packages.staging(run, "fold"),
            scratch=str(self.folder / "scratch"), cutting=self.options, limits=sandbox.Limits(),
        )  # fmt: skip
        media = MediaFile(camera="front", uri=name, revision="1", modified_ns=0, size_bytes=1)
        takes = tuple(
            (
                CameraSpan(camera="front", uri=name, start_ns=start, end_ns=end, alone=False),
                Rows(np.arange((end - start) // (100 * MS)) * (100 * MS), 10.0),
            )
            for start, end in place.spans
        )
        offer = Offer(name, RobotSource(kind="plain_log", uri="logs"), media, 1, takes, None)
        ((_, told),) = worker.decode((SHA, [offer]))
        assert not told.error
        self.store.insert("clips", list(told.clips), run_id=run.run_id)

    def seen(self) -> list[tuple[Any, ...]]:
        """What readers take for the clips of these bytes, with the stage that speaks."""
        clips = current_clips(self.store, inventory(self.store, self.recipe), self.recipe).table.to_pylist()
        told = [(c["start_ns"], c["end_ns"], c["stage"], c["redaction_state"], c["tiling"]) for c in clips]
        return sorted(told)

    def books(self) -> dict[str, int]:
        account, _ = ledger(self.store, self.recipe, "none")
        assert account.unbalanced_ns() == 0
        return account.by_reason


def _corpus(tmp_path: Path, video: Path, options: PassOptions) -> Corpus:
    folder = tmp_path / "input"
    (folder / "scratch").mkdir(parents=True)
    shutil.copyfile(video, folder / "scratch" / SHA)  # as if it had been fetched
    return Corpus(Store(str(tmp_path / "corpus")), folder, options)


def _after(tmp_path: Path, video: Path, options: PassOptions, places: Sequence[tuple[str, Place]]) -> Corpus:
    corpus = _corpus(tmp_path, video, options)
    for name, place in places:
        corpus.take(place, name)
    return corpus


@pytest.fixture
def with_weights() -> None:
    try:
        weights.face_weights()
    except TransientError as error:
        pytest.skip(f"no weights here: {error}")


SPAN = (400 * MS, 700 * MS)
OTHER = (1100 * MS, 1300 * MS)
MIXED = {
    "two redactions": [Place("web", (SPAN,)), Place("web", (OTHER,))],
    "overlapping redactions, one turned": [Place("ego", (SPAN, OTHER)), Place("web", ((600 * MS, 800 * MS),), 1)],
    "a robot and a redacted copy": [Place("robot", ((0, NS),)), Place("web", (SPAN,))],
    "two attempts and a plain copy": [Place("robot", ((0, NS),)), Place("robot", ((NS, LENGTH),)), Place("web")],
    "a robot and a first-person copy": [Place("robot", ((0, NS),)), Place("ego", (SPAN,))],
}


@pytest.mark.slow
@pytest.mark.parametrize("what", MIXED)
def test_what_is_seen_hangs_on_no_order(tmp_path: Path, video: Path, what: str) -> None:
    places = [(f"/place/{i}", p) for i, p in enumerate(MIXED[what])]
    found = [_after(tmp_path / str(i), video, BARE, order) for i, order in enumerate(permutations(places))]
    assert found[0].seen()
    for corpus in found:
        assert corpus.seen() == found[0].seen()
        assert corpus.books() == found[0].books()
        for span in [s for p in MIXED[what] if p.stage != "robot" for s in p.spans]:
            assert not any(start < span[1] and span[0] < end for start, end, *_ in corpus.seen())


@pytest.mark.slow
@pytest.mark.usefixtures("with_weights")
@pytest.mark.parametrize(
    ("first", "later"),
    [
        (Place("robot", ((0, NS),)), Place("ego")),
        (Place("web", (SPAN,)), Place("ego")),
        (Place("web"), Place("ego", (SPAN,))),
    ],
)
def test_faces_are_blurred_if_one_place_asks_whichever_came_first(
    tmp_path: Path, video: Path, first: Place, later: Place
) -> None:
    places = [("/first", first), ("/later", later)]
    one, two = (_after(tmp_path / str(i), video, BLURRED, order) for i, order in enumerate(permutations(places)))
    assert one.seen() == two.seen() != []
    assert {state for *_, state, _ in one.seen()} == {"none_found"}, "looked for"
    assert one.books() == two.books()


@pytest.mark.usefixtures("with_weights")
@pytest.mark.slow
def test_a_place_that_now_holds_other_bytes_leaves_its_wishes_behind(tmp_path: Path, video: Path) -> None:
    corpus = _after(tmp_path, video, BLURRED, [("/web", Place("web")), ("/ego", Place("ego", (SPAN,)))])
    before = corpus.seen()
    (asset,) = corpus.store.read("assets", where="uri = '/ego'").to_pylist()
    moved = asset | {"asset_id": "m", "sha256": "b" * 64, "revision": "2", "modified_ns": 1, "tiling": "", "gaps": []}
    corpus.store.insert("assets", [moved | {"redacted": [], "redaction": None}], run_id="t")
    assert [(*c[:2], *c[3:]) for c in corpus.seen()] == [(*c[:2], *c[3:]) for c in before]
    assert {stage for _, _, stage, *_ in corpus.seen()} == {"web"}
    assert corpus.books()["redacted"] == sum(e - s for s, e in [SPAN])
    corpus.take(Place("web"), "/third")
    assert [(*c[:2], *c[3:]) for c in corpus.seen()] == [(*c[:2], *c[3:]) for c in before]


EDGES = st.lists(st.integers(0, 20), min_size=2, max_size=6, unique=True).map(sorted)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EDGES, min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_any_redactions_leave_their_union(
    tmp_path_factory: pytest.TempPathFactory, video: Path, edges: list[list[int]], random: Any
) -> None:
    places = [
        (f"/{i}", Place("web", tuple((a * 100 * MS, b * 100 * MS) for a, b in list(pairwise(e))[::2])))
        for i, e in enumerate(edges)
    ]
    shuffled = places.copy()
    random.shuffle(shuffled)
    one, two = (_after(tmp_path_factory.mktemp("c"), video, BARE, order) for order in (places, shuffled))
    hidden = merge(span for _, place in places for span in place.spans)
    assert one.seen() == two.seen()
    assert one.books() == two.books()
    held = merge((start, end) for start, end, *_ in one.seen())
    assert sum(e - s for s, e in [*held, *hidden]) == LENGTH
    assert not any(s < end and start < e for s, e in held for start, end in hidden)
    assert one.books().get("redacted", 0) == sum(e - s for s, e in hidden)


@pytest.mark.parametrize("human", ["ego", "web"])
@pytest.mark.slow
def test_a_log_and_another_source_may_hold_one_file(tmp_path: Path, video: Path, human: str) -> None:
    places = [("/v", Place("robot", ((0, LENGTH),))), ("/v", Place(human, (SPAN,)))]
    one, two = (_after(tmp_path / str(i), video, BARE, order) for i, order in enumerate(permutations(places)))
    assert one.seen() == two.seen()
    assert one.books() == two.books()
    assert {stage for _, _, stage, *_ in one.seen()} == {min(human, "robot")}
    assert one.books()["exact_duplicate"] == LENGTH
    assert not any(start < SPAN[1] and SPAN[0] < end for start, end, *_ in one.seen())


@pytest.mark.usefixtures("with_weights")
def test_a_stage_that_is_corrected_later_takes_no_blur_back(tmp_path: Path, video: Path) -> None:
    corpus = _after(tmp_path, video, BLURRED, [("/v", Place("ego"))])
    corpus.take(Place("web"), "/v", revision="2")
    assert {(stage, state) for _, _, stage, state, _ in corpus.seen()} == {("web", "none_found")}
