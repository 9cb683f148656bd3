"""Real faces from a recording to a release: proxies, a captioner's requests and shards hold none that can be known."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from filters.policies.policy import Policy
from infra.models.centerface import FaceDetector
from infra.storage.tables import Store
from infra.video import decoder, pixels
from orchestration.reports.report import report
from pipelines.caption.hop import caption
from pipelines.caption.options import CaptionOptions
from pipelines.corpus import releases as files
from pipelines.corpus.inventory import current_clips, inventory
from pipelines.corpus.release_document import ReleaseDocument
from pipelines.detect.worker import frame_of
from pipelines.filter.hop import decide_clips
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.media.face_blur import version
from pipelines.media.options import PassOptions
from pipelines.publish.hop import publish
from pipelines.publish.selection import PublishOptions
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from schemas import Decision
from schemas.keys import key_of
from tests.infra.models.test_openai_compatible import said, wire
from tests.support.media import samples
from tests.support.robot_logs import write_plain

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("default")  # Beam and Great Expectations warn of their own affairs
CLIP = "hands_only/intel_asl_want.mkv"
SURE = 0.5  # of a face that can be known: the clips' own score .77 and more
POLICY = Policy(detector="d")
BLURRED, BARE = PassOptions(), PassOptions(blur_faces=())


@dataclass(frozen=True)
class Turn:
    """A corpus of one turn, the row it published and the pictures that left it."""

    store: Store
    proxies: list[Array]
    sent: list[Array]
    row: dict[str, Any]
    shard: list[Array]
    release: ReleaseDocument


def _source(folder: Path, stage: str = "ego") -> list[Source]:
    folder.mkdir(exist_ok=True)
    shutil.copyfile(samples(*CLIP.split("/")), folder / "want.mkv")
    (folder / "want.json").write_text(json.dumps({"caption": "#C C picks up the cup"}))
    return [Source("folder", str(folder), stage=stage, licence="CC-BY-4.0")]


def _accept(store: Store) -> None:
    rows = [
        Decision(
            decision_id=key_of(c["clip_row_id"], POLICY.digest), span_id=c["clip_id"], clip_id=c["clip_id"],
            clip_row_id=c["clip_row_id"], stage="ego", licence="CC-BY-4.0",
            sha256=c["sha256"], start_ns=c["start_ns"], end_ns=c["end_ns"], verdict="accept", reasons=[],
            hand_share=None, bimanual=None, policy=POLICY.digest, run_id="run",
        )
        for c in store.read("clips").to_pylist()
    ]  # fmt: skip
    store.insert("decisions", rows, run_id="run")


def _turn(root: Path, options: PassOptions) -> Turn:
    store, recipe = Store(str(root / "corpus")), options.recipe
    run = Run(store, "run")
    ingest(run, _source(root / "media"), IngestOptions(cutting=options))
    _accept(store)
    with wire(said("no captions")) as (url, bodies):
        caption(run, recipe, POLICY, CaptionOptions(backend="openai", base_url=url, model="vlm", max_images=4))
    caption(run, recipe, POLICY, CaptionOptions())
    name = publish(run, recipe, POLICY, PublishOptions()).release
    assert name
    rows = store.dataset(f"releases/{name}/wm_ego.lance").to_table().to_pylist()
    (root / "shard.mp4").write_bytes(rows[0]["video"])
    proxies = [frame_of(j) for p in store.read("proxies").to_pylist() for j in p["jpegs"]]
    return Turn(store, proxies, _sent(bodies), rows[0], _frames(root / "shard.mp4"), files.load(store, name))


def _clips(store: Store, options: PassOptions) -> list[dict[str, Any]]:
    """What a reader of the tables takes for clips."""
    recipe = options.recipe
    return list(current_clips(store, inventory(store, recipe), recipe).table.to_pylist())


def _current(store: Store, options: PassOptions) -> list[list[Array]]:
    """The frames of those clips' proxies."""
    rows = [c["clip_row_id"] for c in _clips(store, options)]
    return [
        [frame_of(j) for j in jpegs] for jpegs in store.read_keys("proxies", "clip_row_id", rows)["jpegs"].to_pylist()
    ]


def _sent(bodies: list[dict[str, Any]]) -> list[Array]:
    parts = [p for b in bodies for p in b["messages"][0]["content"] if p["type"] == "image_url"]
    return [frame_of(base64.b64decode(p["image_url"]["url"].partition(",")[2])) for p in parts]


def _frames(path: Path, at_ns: Sequence[int] | None = None) -> list[Array]:
    """A recording's frames, or those at some times, with the long side that shards have."""
    container = decoder.open_media(path)
    stream = decoder.video_stream(container)
    pictures = [p for p in decoder.pictures(container, stream) if at_ns is None or p.t_ns in at_ns]
    size = pixels.fitted(pictures[0].frame.width, pictures[0].frame.height, PublishOptions().wm_long_side_px, 2)
    return [pixels.rgb(p.frame, size, 0) for p in pictures]


@pytest.fixture(scope="module")
def turn(tmp_path_factory: pytest.TempPathFactory) -> Turn:
    return _turn(tmp_path_factory.mktemp("turn"), BLURRED)


@pytest.fixture(scope="module")
def before(turn: Turn) -> list[Array]:
    """The frames of the shard as the recording has them."""
    return _frames(samples(*CLIP.split("/")), turn.row["frame_ns"])


def _sure(face_detector: FaceDetector, pictures: list[Array]) -> int:
    """In how many of the pictures there is a face that is surely one."""
    return sum(bool((face_detector.faces(p)[:, 4] >= SURE).any()) for p in pictures)


@pytest.mark.slow
@pytest.mark.parametrize(("where", "least"), [("proxies", 7), ("sent", 4), ("shard", 10)])
def test_no_face_leaves(face_detector: FaceDetector, turn: Turn, before: list[Array], where: str, least: int) -> None:
    assert _sure(face_detector, before) == len(before), "these frames prove nothing"
    assert len(getattr(turn, where)) >= least
    assert _sure(face_detector, getattr(turn, where)) == 0


@pytest.mark.slow
def test_what_was_a_face_has_lost_its_detail_and_the_rest_is_as_it_was(
    face_detector: FaceDetector, turn: Turn, before: list[Array]
) -> None:
    for was, now in zip(before, turn.shard, strict=True):
        height, width = was.shape[:2]
        x0, y0, x1, y1 = (face_detector.faces(was)[0, :4] * (width, height, width, height)).round().astype(int)
        assert _detail(now[y0:y1, x0:x1]) < 0.1 * _detail(was[y0:y1, x0:x1])
        clear = was.shape[0] // 2
        assert y1 + (y1 - y0) // 2 < clear
        assert np.abs(now[clear:].astype(int) - was[clear:]).mean() < 3


def _detail(region: Array) -> float:
    """Variance of the Laplacian inside a region, its edges left out."""
    grey = cv2.cvtColor(np.ascontiguousarray(region), cv2.COLOR_RGB2GRAY)
    inner = slice(grey.shape[0] // 6, -grey.shape[0] // 6), slice(grey.shape[1] // 6, -grey.shape[1] // 6)
    return float(cv2.Laplacian(grey, cv2.CV_64F)[inner].var())


@pytest.mark.slow
def test_rows_say_what_looked_and_what_it_found(turn: Turn) -> None:
    (clip,) = turn.store.read("clips").to_pylist()
    assert (clip["redaction"], clip["redaction_state"]) == (version(), "blurred")
    assert clip["faces"]
    assert all(clip["start_ns"] <= f["t_ns"] < clip["end_ns"] for f in clip["faces"])
    assert turn.row["redaction"] == version()
    assert turn.release.recipe["pass"] != BARE.recipe


@pytest.mark.slow
def test_bytes_that_come_as_web_and_then_as_ego_are_blurred_from_then_on(
    face_detector: FaceDetector, tmp_path: Path
) -> None:
    store = Store(str(tmp_path / "corpus"))
    web, options = _source(tmp_path / "web", "web"), IngestOptions(cutting=BLURRED)

    def sure() -> list[int]:
        return [_sure(face_detector, frames) for frames in _current(store, BLURRED)]

    ingest(Run(store, "first"), web, options)
    assert min(sure()) > 0
    assert set(store.read("clips")["redaction"].to_pylist()) == {None}
    ingest(Run(store, "second"), [*web, *_source(tmp_path / "ego")], options)
    assert set(sure()) == {0}
    clips = _clips(store, BLURRED)
    assert {(c["redaction_state"], c["run_id"]) for c in clips} == {("blurred", "second")}
    third = ingest(Run(store, "third"), [*web, *_source(tmp_path / "again", "web")], options)
    assert third.added == {"assets": 1}


@pytest.mark.slow
def test_a_recipe_that_asks_for_it_later_blurs_what_is_there(face_detector: FaceDetector, tmp_path: Path) -> None:
    store, source = Store(str(tmp_path / "corpus")), _source(tmp_path / "media")
    ingest(Run(store, "first"), source, IngestOptions(cutting=BARE))
    ingest(Run(store, "second"), source, IngestOptions(cutting=BLURRED))
    assert min(_sure(face_detector, frames) for frames in _current(store, BARE)) > 0
    now = _current(store, BLURRED)
    assert [_sure(face_detector, frames) for frames in now] == [0] * len(now) != []
    _accept(store)
    assert _sure(face_detector, _in_report(store, BARE, tmp_path)) == 1, "of this sheet the detector can tell nothing"
    assert _sure(face_detector, _in_report(store, BLURRED, tmp_path)) == 0


def _in_report(store: Store, options: PassOptions, folder: Path) -> list[Array]:
    """The report's contact sheets, doubled: its faces are a few px high."""
    html = report(store, options.recipe, POLICY.digest, None, folder / "report.html").read_text()
    sheets = [frame_of(base64.b64decode(s)) for s in re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", html)]
    assert sheets
    return [cv2.resize(s, None, fx=2, fy=2) for s in sheets]


@pytest.mark.slow
def test_no_file_of_the_corpus_or_the_release_holds_a_picture_of_a_face(
    face_detector: FaceDetector, turn: Turn
) -> None:
    """Every JPEG in any file, whatever table, fragment or leftover it lies in, and every shard."""
    found: list[Array] = []
    for path in sorted(p for p in Path(turn.store.root).rglob("*") if p.is_file()):
        data = path.read_bytes()
        starts = [m.start() for m in re.finditer(b"\xff\xd8\xff", data)]
        pictures = [cv2.imdecode(np.frombuffer(data[at:], np.uint8), cv2.IMREAD_COLOR_RGB) for at in starts]
        found += [p for p in pictures if p is not None and min(p.shape[:2]) >= 64]
    assert len(found) >= len(turn.proxies), "the scan sees nothing"
    assert _sure(face_detector, found) == 0


@pytest.mark.slow
def test_a_robots_bytes_that_come_as_ego_too_leave_nothing_unblurred(
    face_detector: FaceDetector, tmp_path: Path
) -> None:
    store, options, recipe = Store(str(tmp_path / "corpus")), IngestOptions(cutting=BLURRED), BLURRED.recipe
    still = np.zeros((47, 2))  # as many rows as the clip has frames
    log = write_plain(tmp_path / "logs", "a", still, still, video=False)
    shutil.copyfile(samples(*CLIP.split("/")), log.with_suffix(".mp4"))
    robots = [RobotSource(kind="plain_log", uri=str(tmp_path / "logs"), licence="CC-BY-4.0")]

    def published() -> list[Array]:
        decide_clips(Run(store, "keep"), recipe, POLICY)
        caption(Run(store, "say"), recipe, POLICY, CaptionOptions())
        return _shards(store, publish(Run(store, "out"), recipe, POLICY, PublishOptions()).release or "", tmp_path)

    fold(Run(store, "first"), robots, options)
    assert [_sure(face_detector, frames) > 0 for frames in _current(store, BLURRED)] == [True]
    assert _sure(face_detector, published()) > 0, "nobody asked yet"
    ingest(Run(store, "second"), _source(tmp_path / "ego"), options)
    assert [_sure(face_detector, frames) for frames in _current(store, BLURRED)] == [0]
    fold(Run(store, "third"), robots, options)
    _accept(store)
    assert [_sure(face_detector, frames) for frames in _current(store, BLURRED)] == [0]
    assert _sure(face_detector, now := published()) == 0
    assert len(now) >= 10


def _shards(store: Store, release: str, folder: Path) -> list[Array]:
    """Every frame of every view."""
    found = []
    for view in files.load(store, release).views:
        for row in store.dataset(f"releases/{release}/{view}.lance").to_table().to_pylist():
            (folder / "shard.mp4").write_bytes(row["video"])
            found += _frames(folder / "shard.mp4")
    return found


def test_a_stage_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="blur_faces"):
        PassOptions(blur_faces=("eggo",))
