"""What a scene is made of: frozen values that the renderer, the tasks and the truth share.

Metres, seconds, radians. World axes: x to the wearer's right, y away from the wearer, z up; the table's top is z = 0
and the work lies near the origin. Cameras are OpenCV's: x right, y down, z forward. Colours are linear reflectances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Material:
    """texture: plain, skin, wood, cloth, tiles, print, marble, brushed (a name that the renderer knows)."""

    colour: Rgb
    texture: str = "plain"
    roughness: float = 0.5
    metal: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Triangles in the frame of what they belong to: vertices (V, 3) m, faces (F, 3) of indices."""

    vertices: Floats
    faces: Ints
    material: Material
    smooth: bool = True  # normals averaged over a vertex's faces
    colours: Floats | None = None  # (V, 3), times the material's colour


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """A frame in the world: a point p of it lies at rotation @ p + position."""

    position: Floats  # (3,) m
    rotation: Floats = field(default_factory=lambda: np.eye(3))  # (3, 3)

    def to_world(self, points: Floats) -> Floats:
        """Points (N, 3) of this frame in the world."""
        return np.asarray(points @ self.rotation.T + self.position)

    def to_local(self, points: Floats) -> Floats:
        """World points (N, 3) in this frame."""
        return np.asarray((points - self.position) @ self.rotation)


@dataclass(frozen=True, slots=True, eq=False)
class Thing:
    """A rigid body. Its frame: z up, its foot on z = 0, centred in x and y."""

    name: str  # a noun of one or two words: mug, cereal box
    colour: str  # a word: red
    meshes: tuple[Mesh, ...]
    distance: Callable[[Floats], Floats]  # signed distance in m of points (N, 3) of its frame; negative: inside
    size: tuple[float, float, float]  # extents in m

    def distance_from(self, points: Floats, at: Pose) -> Floats:
        """Signed distance (N,) in m of world points (N, 3) from the thing at that pose."""
        return self.distance(at.to_local(points))


@dataclass(frozen=True, slots=True)
class Lens:
    """A pinhole without distortion, px."""

    width_px: int
    height_px: int
    focal_px: float

    def project(self, points: Floats) -> Floats:
        """Points (N, 3) of the camera's frame to (N, 2) shares of the picture; NaN behind the camera."""
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = points[:, :2] / np.where(points[:, 2:] > 0.01, points[:, 2:], np.nan) * self.focal_px
        return np.asarray(xy / (self.width_px, self.height_px) + 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """A lens somewhere."""

    lens: Lens
    pose: Pose

    def project(self, points: Floats) -> Floats:
        """World points (N, 3) to (N, 2) shares of the picture, x from the left, y from the top; NaN behind."""
        return self.lens.project(self.pose.to_local(points))


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """A rectangle that shines along its frame's +z: size in m, radiance in linear RGB."""

    pose: Pose
    width_m: float
    height_m: float
    radiance: Rgb


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """What stands still round the work, with its light. `sky` is the radiance where nothing is hit."""

    name: str
    meshes: tuple[Mesh, ...]
    lights: tuple[Light, ...]
    sky: Rgb


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """Where everything is at one time. A moving mesh is placed by a Pose or by its vertices (V, 3) in the world.

    A moving mesh that `places` does not name is not there.
    """

    camera: Camera
    places: Mapping[str, Pose | Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A take's scene as the renderer needs it: what stands still, and what moves by name."""

    room: Room
    still: tuple[Mesh, ...]
    moving: Mapping[str, Mesh]


@dataclass(frozen=True, slots=True)
class CameraSettings:
    """How a camera records: exposure is a factor, noise a standard deviation at mid grey (0..1).

    shutter is the share of a frame's time that it is open: 0 is one instant, 0.5 film's half.
    """

    exposure: float = 1.0
    noise: float = 0.01
    shutter: float = 0.3
