"""Pictures of a scene: Mitsuba 3 (scalar_rgb, no system library), few samples, then the noise taken away.

Each rigid moving mesh is an instance, whose tree is built once. What stands still is merged by its surface: an instance
of it would cost each ray more than its tree costs each picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from simworld.denoise import denoise
from simworld.scene_types import (
    Camera,
    CameraSettings,
    Floats,
    Lens,
    Light,
    Material,
    Mesh,
    Moment,
    Pose,
    Rgb,
    Scene,
)
from simworld.scenery import textures
from simworld.sheets import Sheet, make_sheet, merge_by_surface, tones_as_ramp, vertex_normals

Image = npt.NDArray[np.float32]
MATT = 0.6  # from this roughness on a surface has no shine worth its time
AWAY = Pose(np.array([0.0, 0.0, -6.0]))  # below the floor: where a thing is that is not there


@dataclass(frozen=True, slots=True)
class Quality:
    """What a picture may cost: samples a pixel, bounces of light, denoised or not, moments of an open shutter."""

    samples: int
    depth: int  # 1: the lamps alone, one of them a sample; else surfaces that a path may visit, its lamp included
    denoise: bool
    subframes: int  # how many moments to ask for when things move


QUALITIES: dict[str, Quality] = {
    "draft": Quality(2, 1, True, 1),
    "demo": Quality(4, 1, True, 2),
    "fine": Quality(16, 1, True, 4),
}


class Renderer:
    """Renders one scene. Equal input gives equal pixels, whatever `threads` is.

    Mitsuba's number of threads belongs to the process: the last Renderer made sets it.
    """

    def __init__(self, scene: Scene, lens: Lens, quality: Quality, threads: int = 1) -> None:
        self._mi = _mitsuba(threads)
        self._scene, self._lens, self._quality = scene, lens, quality
        self._integrator = self._mi.load_dict(_integrator(quality))
        self._ruler = self._mi.load_dict({"type": "depth", "block_size": 32})
        self._bsdfs: dict[tuple[Material, tuple[Rgb, Rgb] | None], Any] = {}
        self._still = [
            self._shape(f"still{k}", mesh, sheet)
            for k, (mesh, sheet) in enumerate(merge_by_surface((*scene.room.meshes, *scene.still)))
        ]
        self._sheets = {name: make_sheet(mesh) for name, mesh in scene.moving.items()}
        self._rigid: dict[str, bool] = {}
        self._loaded: Any = None
        self._params: Any = None

    def picture(self, moments: Sequence[Moment], seed: int) -> Image:
        """What the camera collects, linear (H, W, 3) float32: the mean over these moments of one open shutter."""
        if not moments:
            raise ValueError("a picture needs a moment")
        samples = max(1, round(self._quality.samples / len(moments)))
        shots: list[Image] = []
        for index, moment in enumerate(moments):
            self._place(moment)
            shots.append(self._shot(self._integrator, samples, seed * 64 + index))
        picture: Image = np.asarray(sum(shots[1:], shots[0]) / len(shots), np.float32)
        if not self._quality.denoise:
            return picture
        return denoise(picture, self._shot(self._ruler, 1, seed * 64 + 63)[..., 0])

    def _shot(self, integrator: Any, samples: int, seed: int) -> Image:
        return np.array(self._mi.render(self._loaded, integrator=integrator, spp=samples, seed=seed), np.float32)

    def _place(self, moment: Moment) -> None:
        """Moves the scene to the moment; builds it anew when a mesh is placed in another way than before."""
        kinds = {name: isinstance(place, Pose) for name, place in moment.places.items()}
        if self._loaded is None or any(self._rigid.get(name) != kind for name, kind in kinds.items()):
            self._rigid |= kinds
            self._build(moment.camera)
        params = self._params
        params["camera.to_world"] = self._mi.ScalarTransform4f(_view(moment.camera.pose))
        for name, rigid in self._rigid.items():
            place = moment.places.get(name, AWAY)
            if not isinstance(place, Pose):
                self._move(name, place)
            elif rigid:
                params[f"at-{name}.to_world"] = self._mi.ScalarTransform4f(_matrix(place))
            else:
                self._move(name, np.full_like(self._scene.moving[name].vertices, AWAY.position[2]))
        params.update()

    def _move(self, name: str, vertices: Floats) -> None:
        origin = self._sheets[name].origin
        self._params[f"free-{name}.vertex_positions"] = _flat(vertices[origin])
        if self._scene.moving[name].smooth:
            self._params[f"free-{name}.vertex_normals"] = _flat(
                vertex_normals(vertices, self._scene.moving[name].faces)[origin]
            )

    def _build(self, camera: Camera) -> None:
        mi, sky = self._mi, self._scene.room.sky
        parts: dict[str, Any] = {"type": "scene", "camera": self._sensor(camera)}
        parts["sky"] = {"type": "constant", "radiance": {"type": "rgb", "value": list(sky)}}
        if self._quality.depth == 1:
            parts["sky"]["sampling_weight"] = 0.0  # a backdrop: as a light it costs more samples than it is worth
        parts |= {f"light{k}": _lamp(mi, light) for k, light in enumerate(self._scene.room.lights)}
        parts |= {f"still{k}": shape for k, shape in enumerate(self._still)}
        for name, rigid in self._rigid.items():
            mesh, sheet = self._scene.moving[name], self._sheets[name]
            shape = self._shape(f"free-{name}", mesh, tones_as_ramp(sheet) if rigid else sheet)
            if rigid:
                parts[f"group-{name}"] = group = mi.load_dict({"type": "shapegroup", "mesh": shape})
                parts[f"at-{name}"] = {"type": "instance", "of": group}
            else:
                parts[f"free-{name}"] = shape
        self._loaded = mi.load_dict(parts)
        self._params = mi.traverse(self._loaded)

    def _sensor(self, camera: Camera) -> dict[str, Any]:
        lens = self._lens
        film = {
            "type": "hdrfilm", "width": lens.width_px, "height": lens.height_px, "pixel_format": "rgb",
            "component_format": "float32", "rfilter": {"type": "box"},
        }  # fmt: skip
        return {
            "type": "perspective", "fov_axis": "x", "near_clip": 0.02, "far_clip": 20.0, "film": film,
            "fov": float(np.degrees(2 * np.arctan2(lens.width_px / 2, lens.focal_px))),
            "to_world": self._mi.ScalarTransform4f(_view(camera.pose)), "sampler": {"type": "multijitter"},
        }  # fmt: skip

    def _shape(self, name: str, mesh: Mesh, sheet: Sheet) -> Any:
        mi = self._mi
        props = mi.Properties()
        props["bsdf"] = self._bsdf(mesh.material, sheet.ramp)
        props["face_normals"] = not mesh.smooth
        shape = mi.Mesh(
            name, len(sheet.origin), len(sheet.faces), props=props,
            has_vertex_normals=mesh.smooth, has_vertex_texcoords=sheet.uv is not None,
        )  # fmt: skip
        if sheet.tones is not None:
            shape.add_attribute("vertex_color", 3, _flat(sheet.tones))
        params = mi.traverse(shape)
        params["faces"] = sheet.faces.astype(np.uint32).ravel()
        params["vertex_positions"] = _flat(mesh.vertices[sheet.origin])
        if mesh.smooth:
            params["vertex_normals"] = _flat(vertex_normals(mesh.vertices, mesh.faces)[sheet.origin])
        if sheet.uv is not None:
            params["vertex_texcoords"] = _flat(sheet.uv)
        params.update()
        return shape

    def _bsdf(self, material: Material, ramp: tuple[Rgb, Rgb] | None) -> Any:
        key = material, ramp
        if key not in self._bsdfs:
            self._bsdfs[key] = self._mi.load_dict(_surface(self._mi, material, ramp))
        return self._bsdfs[key]


def develop(linear: Image, settings: CameraSettings, seed: int) -> npt.NDArray[np.uint8]:
    """The recording (H, W, 3) of what the camera collected: exposure, vignette, film's curve, sRGB, sensor noise."""
    h, w = linear.shape[:2]
    y, x = np.mgrid[:h, :w].astype(np.float32)
    edge = ((x - w / 2) ** 2 + (y - h / 2) ** 2) / ((w / 2) ** 2 + (h / 2) ** 2)
    light = linear * (settings.exposure * (1 - 0.28 * edge))[..., None]
    film = np.clip(light * (2.51 * light + 0.03) / (light * (2.43 * light + 0.59) + 0.14), 0, 1)  # Narkowicz's ACES fit
    coded = np.where(film <= 0.0031308, 12.92 * film, 1.055 * np.maximum(film, 1e-6) ** (1 / 2.4) - 0.055)
    grain = np.random.default_rng([seed, 4]).standard_normal(linear.shape, np.float32)
    coded = coded + grain * (settings.noise * np.sqrt(np.clip(1.4 - coded, 0.2, 1.4)))
    return np.asarray(np.clip(coded * 255 + 0.5, 0, 255), np.uint8)


def _mitsuba(threads: int) -> Any:
    import drjit
    import mitsuba

    mitsuba.set_variant("scalar_rgb")
    drjit.set_thread_count(threads)
    return mitsuba


def _integrator(quality: Quality) -> dict[str, Any]:
    if quality.depth == 1:
        return {"type": "direct", "emitter_samples": 1, "bsdf_samples": 0, "block_size": 32}
    return {"type": "path", "max_depth": quality.depth, "rr_depth": 99, "block_size": 32}


def _lamp(mi: Any, light: Light) -> dict[str, Any]:
    scale = np.diag([light.width_m / 2, light.height_m / 2, 1.0, 1.0])
    emitter = {"type": "area", "radiance": {"type": "rgb", "value": list(light.radiance)}}
    return {"type": "rectangle", "to_world": mi.ScalarTransform4f(_matrix(light.pose) @ scale), "emitter": emitter}


def _surface(mi: Any, material: Material, ramp: tuple[Rgb, Rgb] | None) -> dict[str, Any]:
    if ramp is not None:
        image = mi.Bitmap(np.asarray([ramp], np.float32))
        colour: dict[str, Any] = {"type": "bitmap", "bitmap": image, "raw": True, "wrap_mode": "clamp"}
    elif material.texture in textures.PICTURED:
        image = mi.Bitmap(textures.picture(material.texture, material.colour))
        colour = {"type": "bitmap", "bitmap": image, "raw": True, "wrap_mode": "repeat"}
    else:
        colour = {"type": "mesh_attribute", "name": "vertex_color"}
    if material.roughness >= MATT and not material.metal:
        return {"type": "twosided", "bsdf": {"type": "diffuse", "reflectance": colour}}
    bsdf = {"type": "principled", "base_color": colour, "roughness": material.roughness, "specular": 0.5}
    if material.metal:
        bsdf["metallic"] = 0.75  # all metal is black where it mirrors no lamp
    if material.texture == "skin":
        bsdf |= {"specular": 0.35, "sheen": 0.3}
    return {"type": "twosided", "bsdf": bsdf}


def _matrix(pose: Pose) -> Floats:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = pose.rotation, pose.position
    return matrix


def _view(pose: Pose) -> Floats:
    """OpenCV's camera axes (right, down, forward) as Mitsuba's (left, up, forward)."""
    return _matrix(pose) @ np.diag([-1.0, -1.0, 1.0, 1.0])


def _flat(values: Floats) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(values, np.float32).ravel()
