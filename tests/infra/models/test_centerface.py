"""The face detector with its real weights on real faces, on hands and on things."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from infra.models import weights
from infra.models.centerface import FaceDetector, boxes_of, suppress, version
from infra.video import decoder, pixels
from tests.support.media import samples, texture

Array = NDArray[Any]
# Clip: faces in view in every sample.
FACES = {
    "negatives/intel_classroom.mp4": 4,  # 14 px wide
    "negatives/intel_face-demographics-walking-and-pause.mp4": 3,
    "negatives/intel_head-pose-face-detection-female.mp4": 1,
    "hands_only/intel_asl_want.mkv": 1,
    "negatives/nvidia_person_chair_far.mp4": 1,
}
NO_FACES = (
    "hands_manip/sam2_cups_shell_game.mp4", "hands_manip/sam2_blocks_topdown.mp4", "hands_manip/intel_bottles_1.mp4",
    "hands_manip/nvidia_toy_mixer_a.mp4", "rendered_hands/sample_success.mp4", "rendered_hands/sample_top.mp4",
    "hands_only/dexretarget_hand_gesture.mp4",
)  # fmt: skip


def frames(name: str, most: int) -> list[Array]:
    """Samples half a second apart, long side 448 px."""
    path = samples(*name.split("/"))
    container = decoder.open_media(path)
    stream = decoder.video_stream(container)
    out: list[Array] = []
    for picture in decoder.pictures(container, stream):
        if picture.t_ns >= len(out) * 500_000_000:
            facts = decoder.facts(container, stream, picture.frame)
            size = pixels.fitted(facts.width_px, facts.height_px, 448)
            out.append(pixels.rgb(picture.frame, size, facts.quarter_turns))
        if len(out) == most:
            break
    return out


@pytest.mark.parametrize("name", FACES)
@pytest.mark.slow
def test_faces_are_found(face_detector: FaceDetector, name: str) -> None:
    found = [len(face_detector.faces(rgb)) for rgb in frames(name, 4)]
    assert min(found) >= FACES[name]


@pytest.mark.parametrize("name", NO_FACES)
@pytest.mark.slow
def test_hands_and_things_are_no_faces(face_detector: FaceDetector, name: str) -> None:
    assert sum(len(face_detector.faces(rgb)) for rgb in frames(name, 5)) == 0


def test_boxes_are_relative_ordered_and_repeat(face_detector: FaceDetector) -> None:
    rgb = frames("negatives/intel_classroom.mp4", 1)[0]
    faces = face_detector.faces(rgb)
    assert (faces.dtype, faces.shape[1]) == (np.float32, 5)
    assert (faces[:, :2] < faces[:, 2:4]).all()
    assert faces.min() >= 0
    assert faces.max() <= 1
    assert sorted(faces[:, 4], reverse=True) == faces[:, 4].tolist()
    assert (faces == FaceDetector(weights.face_weights()).faces(rgb)).all()
    smaller = face_detector.faces(np.ascontiguousarray(rgb[::1, ::1][:, ::-1]))
    assert len(smaller) == len(faces)


@pytest.mark.parametrize("size", [(1, 1), (16, 9), (448, 252), (252, 448), (96, 64)])
def test_a_picture_of_any_size_can_be_looked_at(face_detector: FaceDetector, size: tuple[int, int]) -> None:
    assert face_detector.faces(texture(1, size)).shape[1] == 5


def test_the_version_names_the_weights(face_detector: FaceDetector) -> None:
    assert weights.FACE_SHA256[weights.FACE][:8] in version() == face_detector.version


def test_a_box_is_read_where_the_network_says() -> None:
    heat, sizes, offsets = np.zeros((8, 16)), np.zeros((2, 8, 16)), np.zeros((2, 8, 16))
    heat[2, 5], sizes[:, 2, 5], offsets[:, 2, 5] = 0.8, (np.log(4), np.log(2)), (0.25, -0.5)
    (box,) = boxes_of(heat, sizes, offsets, (64, 32))
    # Centre x (5 - .5 + .5) * 4 = 20, y (2 + .25 + .5) * 4 = 11; 8 px wide, 16 high.
    np.testing.assert_allclose(box, [16 / 64, 3 / 32, 24 / 64, 19 / 32, 0.8], rtol=1e-6)


def test_of_boxes_that_overlap_the_best_stays() -> None:
    boxes = np.array([[0, 0, 0.5, 0.5, 0.3], [0.05, 0, 0.5, 0.5, 0.9], [0.6, 0.6, 1, 1, 0.4]], np.float32)
    assert suppress(boxes)[:, 4].tolist() == pytest.approx([0.9, 0.4])
    assert suppress(boxes[:0]).shape == (0, 5)
