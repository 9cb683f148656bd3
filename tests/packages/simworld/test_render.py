"""The renderer: equal input, equal bytes; a lens that projects as the truth does; what moves, moves."""

from __future__ import annotations

import numpy as np
import pytest
from simworld.denoise import denoise
from simworld.render import QUALITIES, Quality, Renderer, develop
from simworld.scene_types import Camera, CameraSettings, Floats, Lens, Light, Material, Mesh, Moment, Pose, Room, Scene
from simworld.scenery.shapes import axis_rotation, box, ellipsoid

pytest.importorskip("mitsuba")
LENS = Lens(96, 64, 80.0)
DOWN = Pose(np.array([0.0, 0.0, 0.6]), np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]))
RAW = Quality(4, 1, False, 1)
RED = Material((0.6, 0.03, 0.03), roughness=0.8)


def stage(moving: dict[str, Mesh]) -> Scene:
    table = box((1.0, 1.0, 0.02)).at((0, 0, -0.02)).mesh(Material((0.5, 0.5, 0.5), "wood", 0.8))
    lamp = Light(Pose(np.array([0.0, -0.2, 1.4]), axis_rotation("x", np.pi)), 0.3, 0.3, (30.0, 30.0, 30.0))
    return Scene(Room("bare", (table,), (lamp,), (0.1, 0.1, 0.1)), (), moving)


def ball() -> Mesh:
    return ellipsoid((0.02, 0.02, 0.02), 20).mesh(RED)


def red_centre(picture: Floats) -> Floats:
    """Share of the picture (x, y) at which the red lies."""
    red = np.clip(picture[..., 0] - 3 * picture[..., 1], 0, None) > 0.02
    assert red.any()
    y, x = np.nonzero(red)
    return np.array([(x.mean() + 0.5) / picture.shape[1], (y.mean() + 0.5) / picture.shape[0]])


def placed(place: Pose | Floats) -> Moment:
    return Moment(Camera(LENS, DOWN), {"ball": place})


def test_equal_input_gives_equal_bytes_whatever_the_threads() -> None:
    mesh = ball()
    moments = [placed(Pose(np.array([x, 0.0, 0.0]))) for x in (0.0, 0.01)]
    pictures = [Renderer(stage({"ball": mesh}), LENS, QUALITIES["demo"], n).picture(moments, 5) for n in (1, 2, 1)]
    assert pictures[0].dtype == np.float32
    assert pictures[0].shape == (64, 96, 3)
    assert pictures[0].tobytes() == pictures[1].tobytes() == pictures[2].tobytes()


def test_a_picture_does_not_depend_on_those_before_it() -> None:
    once, renderer = (Renderer(stage({"ball": ball()}), LENS, RAW) for _ in range(2))
    renderer.picture([placed(Pose(np.array([0.1, 0.05, 0.0]), axis_rotation("x", 1.0)))], 1)
    here = placed(Pose(np.array([-0.05, 0.0, 0.02])))
    assert renderer.picture([here], 2).tobytes() == once.picture([here], 2).tobytes()
    assert renderer.picture([here], 3).tobytes() != once.picture([here], 2).tobytes()


@pytest.mark.parametrize("rigid", [True, False])
@pytest.mark.parametrize("x_y", [(-0.15, 0.1), (0.2, -0.08), (0.0, 0.0)])
@pytest.mark.slow
def test_things_are_where_the_lens_projects_them(rigid: bool, x_y: tuple[float, float]) -> None:
    mesh, at = ball(), Pose(np.array([*x_y, 0.0]))
    picture = Renderer(stage({"ball": mesh}), LENS, RAW).picture(
        [placed(at if rigid else at.to_world(mesh.vertices))], 0
    )
    seen = Camera(LENS, DOWN).project(at.position[None] + (0, 0, 0.02))[0]
    assert np.abs(red_centre(picture) - seen).max() < 0.012


def test_the_camera_moves() -> None:
    renderer = Renderer(stage({"ball": ball()}), LENS, RAW)
    here = Pose(np.array([0.05, 0.0, 0.0]))
    for shift in (0.0, 0.08):
        camera = Camera(LENS, Pose(np.array([shift, 0, 0.6]), DOWN.rotation @ axis_rotation("z", 0.3)))
        seen = camera.project(np.array([[0.05, 0.0, 0.02]]))[0]
        assert np.abs(red_centre(renderer.picture([Moment(camera, {"ball": here})], 0)) - seen).max() < 0.012


def test_what_is_not_placed_is_not_there() -> None:
    mesh = ball()
    renderer = Renderer(stage({"ball": mesh}), LENS, RAW)
    there = renderer.picture([placed(mesh.vertices)], 0)
    gone = renderer.picture([Moment(Camera(LENS, DOWN), {})], 0)
    assert there[30:34, 46:50, 0].mean() > 4 * there[30:34, 46:50, 1].mean()
    assert gone[30:34, 46:50, 0].mean() < 2.5 * gone[30:34, 46:50, 1].mean()


def test_an_open_shutter_smears_what_moves() -> None:
    renderer = Renderer(stage({"ball": ball()}), LENS, Quality(16, 1, False, 4))
    steps = [placed(Pose(np.array([x, 0.0, 0.0]))) for x in np.linspace(-0.03, 0.03, 4)]
    bare = renderer.picture([Moment(Camera(LENS, DOWN), {})], 0)
    pictures = renderer.picture([steps[0]], 0), renderer.picture(steps, 0)
    still, moved = (int((np.abs(p - bare).max(2) > 0.02).any(0).sum()) for p in pictures)
    assert moved > still + 4


def test_colours_of_vertices_are_seen_on_what_moves_rigidly_and_on_what_deforms() -> None:
    solid = ellipsoid((0.05, 0.05, 0.02), 20)
    left = solid.vertices[:, :1] < 0
    mesh = solid.mesh(Material((1.0, 1.0, 1.0), roughness=0.8), np.where(left, (0.6, 0.02, 0.02), (0.02, 0.02, 0.6)))
    renderer = Renderer(stage({"ball": mesh}), LENS, RAW)
    for place in (Pose(np.zeros(3)), mesh.vertices):
        picture = renderer.picture([placed(place)], 0)
        a, b = picture[32, 43], picture[32, 53]
        assert a[0] > 5 * a[2]
        assert b[2] > 5 * b[0]


def test_light_that_bounces_and_the_sky_add_to_the_lamps() -> None:
    moment = placed(Pose(np.zeros(3)))
    lamps, bounced = (
        Renderer(stage({"ball": ball()}), LENS, Quality(16, n, False, 1)).picture([moment], 0) for n in (1, 4)
    )
    assert bounced[40:, :20].mean() > 1.02 * lamps[40:, :20].mean()


def test_a_picture_needs_a_moment() -> None:
    with pytest.raises(ValueError, match="moment"):
        Renderer(stage({}), LENS, RAW).picture([], 0)


def test_denoising_takes_grain_and_leaves_edges() -> None:
    rng = np.random.default_rng(0)
    clean = np.full((60, 80, 3), 0.2, np.float32)
    clean[:, 40:] = 0.6
    noisy = clean * rng.normal(1, 0.15, clean.shape).astype(np.float32)
    depth = np.full((60, 80), 1.0, np.float32)
    after = denoise(noisy, depth)
    assert np.std(after - clean) < 0.4 * np.std(noisy - clean)
    assert after[:, 42:45].mean() - after[:, 35:38].mean() > 0.36
    flat = denoise(clean, depth)
    assert np.abs(flat - clean).max() < 1e-3


def test_developing_is_seeded_and_follows_the_exposure() -> None:
    grey = np.full((40, 60, 3), 0.18, np.float32)
    first = develop(grey, CameraSettings(), 1)
    assert first.dtype == np.uint8
    assert np.array_equal(first, develop(grey, CameraSettings(), 1))
    assert not np.array_equal(first, develop(grey, CameraSettings(), 2))
    quiet = [develop(grey, CameraSettings(exposure=e, noise=0.0), 1) for e in (0.5, 1.0, 2.0)]
    centre = [int(p[20, 30, 0]) for p in quiet]
    assert centre[0] < centre[1] < centre[2]
    assert 90 < centre[1] < 160
    assert quiet[1][0, 0, 0] < centre[1]
