"""The embedded detector with its real weights, and the door they come through."""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.models import weights
from infra.models.mediapipe_hands import LiteHandDetector, overlap, palm_anchors, suppress
from schemas.errors import TransientError
from schemas.hands import HAND

SAMPLES = Path(os.environ.get("HANDWHEEL_SAMPLES") or Path(__file__).resolve().parents[4] / "shared" / "data")


@pytest.fixture(scope="module")
def detector() -> LiteHandDetector:
    try:
        return LiteHandDetector()
    except TransientError as error:
        pytest.skip(f"no weights here: {error}")


def rendered(name: str, every: int) -> list[tuple[NDArray[Any], dict[str, Any]]]:
    """Every n-th frame (long side 448) of a rendered take with its truth."""
    film, truth = SAMPLES / "rendered_hands" / f"{name}.mp4", SAMPLES / "rendered_hands" / f"{name}.json"
    if not film.is_file():
        pytest.skip("no sample media: set HANDWHEEL_SAMPLES")
    told = json.loads(truth.read_text())
    reader, out = cv2.VideoCapture(str(film)), []
    for i, of_frame in enumerate(told["frames"]):
        ok, bgr = reader.read()
        if ok and i % every == 0:
            small = cv2.resize(bgr, (448, 252), interpolation=cv2.INTER_AREA)
            out.append((cv2.cvtColor(small, cv2.COLOR_BGR2RGB), of_frame | {"size": told["size"]}))
    reader.release()
    return out


def test_rendered_hands_are_found_on_the_right_side(detector: LiteHandDetector) -> None:
    found = same = wanted = 0
    error_px = []
    for rgb, truth in [f for name in ("sample_success", "sample_top") for f in rendered(name, 12)]:
        wanted += len(truth["hands"])
        for hand in detector.detect(rgb):
            points = np.reshape(hand["keypoints"], (21, 2)) * (448, 252)
            apart = {t["side"]: _distance_px(points, t["joints2d"], truth["size"]) for t in truth["hands"]}
            side = min(apart, key=lambda s: apart[s])
            found, same = found + 1, same + (side == hand["side"])
            error_px.append(apart[side])
    assert found >= 0.85 * wanted
    assert same >= 0.9 * found
    assert np.median(error_px) < 14  # of hands of about 90 px


def _distance_px(points: NDArray[Any], joints: list[list[float]], size: list[int]) -> float:
    return float(np.hypot(*(points - np.array(joints) / size * (448, 252)).T).mean())


def test_no_hands_where_there_are_none(detector: LiteHandDetector) -> None:
    assert [detector.detect(rgb) for rgb, _ in rendered("sample_negative", 30)] == [[]] * 4
    assert detector.detect(np.zeros((9, 16, 3), np.uint8)) == []


def test_a_hand_has_the_fields_of_its_row_and_repeats(detector: LiteHandDetector) -> None:
    rgb, _ = rendered("sample_success", 120)[0]
    hands = detector.detect(rgb)
    assert hands == LiteHandDetector().detect(rgb)
    assert hands
    for hand in hands:
        assert set(hand) == {f.name for f in HAND} - {"sample", "contact"}
        assert hand["side"] in ("left", "right")
        assert 0 <= hand["x0"] < hand["x1"] <= 1
        assert 0 <= hand["y0"] < hand["y1"] <= 1
        assert 0.5 <= hand["side_score"] <= 1
        assert 0.5 <= hand["presence"] <= 1


def test_the_version_names_weights_and_threshold(detector: LiteHandDetector) -> None:
    assert weights.weights_digest() in detector.version
    assert LiteHandDetector(min_presence=0.7).version != detector.version


def test_suppression_merges_by_score() -> None:
    anchors = palm_anchors()
    assert anchors.shape == (2016, 2)
    assert anchors.min() > 0
    assert anchors.max() < 1
    raw, logits = np.zeros((2016, 18)), np.full(2016, -9.0)
    raw[:, 2:4] = 40.0
    logits[[0, 2, 2015]] = [0.2, 1.0, 3.0]  # neighbours in one corner, a lone one in the other
    found = suppress(raw, logits, anchors)
    assert [round(score, 2) for score, *_ in found] == [0.95, 0.73]
    share = np.array([0.2, 1.0])
    share = 1 / (1 + np.exp(-share))
    expected = (anchors[0] * share[0] + anchors[2] * share[1]) / share.sum()
    np.testing.assert_allclose(found[1][1].mean(axis=0), expected, rtol=1e-5)


def test_overlap_of_boxes() -> None:
    box = np.array([[0.0, 0.0], [2.0, 2.0]])
    others = np.array([[[0.0, 0.0], [2.0, 2.0]], [[1.0, 0.0], [3.0, 2.0]], [[5.0, 5.0], [6.0, 6.0]]])
    np.testing.assert_allclose(overlap(box, others), [1, 1 / 3, 0], atol=1e-9)


def test_an_unreachable_index_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDWHEEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(TransientError, match=r"python -m infra\.models\.weights"):
        weights.hand_weights()
    assert not (tmp_path / "cache").exists()


def test_a_wheel_with_other_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    with zipfile.ZipFile(wheels / "mediapipe-0.10.21-py3-none-any.whl", "w") as wheel:
        about = "Metadata-Version: 2.1\nName: mediapipe\nVersion: 0.10.21\n"
        wheel.writestr("mediapipe-0.10.21.dist-info/METADATA", about)
        wheel.writestr("mediapipe-0.10.21.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        for member in weights.MEMBERS.values():
            wheel.writestr(member, b"not a model")
    monkeypatch.setenv("HANDWHEEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    with pytest.raises(TransientError, match="sha256"):
        weights.hand_weights()
    assert list((tmp_path / "cache").glob("*.tflite")) == []
    assert "mediapipe" not in sys.modules
