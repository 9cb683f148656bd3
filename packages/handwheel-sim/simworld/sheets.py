"""Meshes as the renderer takes them: split at the seams of their pictures, and merged by surface where they stand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from simworld.scene_types import Floats, Ints, Material, Mesh, Rgb
from simworld.scenery import textures


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A mesh as the renderer takes it: vertices split at seams, `origin` their index in the Mesh."""

    origin: Ints
    faces: Ints
    uv: Floats | None
    tones: Floats | None  # (W, 3) reflectance
    ramp: tuple[Rgb, Rgb] | None = None  # reflectances at u = 0.25 and 0.75, where uv says which


def merge_by_surface(meshes: Iterable[Mesh]) -> list[tuple[Mesh, Sheet]]:
    """Fewer, larger meshes: those of one surface together."""
    by_surface: dict[tuple[Material, bool], list[tuple[Mesh, Sheet]]] = {}
    for mesh in meshes:
        surface = mesh.material
        if surface.texture not in textures.PICTURED:
            surface = Material((1.0, 1.0, 1.0), surface.texture, surface.roughness, surface.metal)
        by_surface.setdefault((surface, mesh.smooth), []).append((mesh, make_sheet(mesh)))
    return [_concatenate(surface, smooth, some) for (surface, smooth), some in by_surface.items()]


def _concatenate(surface: Material, smooth: bool, some: list[tuple[Mesh, Sheet]]) -> tuple[Mesh, Sheet]:
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh, _ in some)])
    splits = np.cumsum([0, *(len(sheet.origin) for _, sheet in some)])
    mesh = Mesh(
        np.concatenate([mesh.vertices for mesh, _ in some]),
        np.concatenate([mesh.faces + start for (mesh, _), start in zip(some, starts, strict=False)]),
        surface,
        smooth,
    )
    uvs, tones = [sheet.uv for _, sheet in some], [sheet.tones for _, sheet in some]
    sheet = Sheet(
        np.concatenate([sheet.origin + start for (_, sheet), start in zip(some, starts, strict=False)]),
        np.concatenate([sheet.faces + split for (_, sheet), split in zip(some, splits, strict=False)]),
        None if uvs[0] is None else np.concatenate([uv for uv in uvs if uv is not None]),
        None if tones[0] is None else np.concatenate([tone for tone in tones if tone is not None]),
    )
    return mesh, sheet


def make_sheet(mesh: Mesh) -> Sheet:
    """The mesh with a picture's coordinates where its texture has one, else with a colour a vertex."""
    if mesh.material.texture in textures.PICTURED:
        origin, faces, uv = textures.unfold(mesh)
        return Sheet(origin, faces, uv, None)
    tones = np.ones((len(mesh.vertices), 3)) if mesh.colours is None else mesh.colours
    return Sheet(np.arange(len(mesh.vertices), dtype=np.int32), mesh.faces, None, tones * mesh.material.colour)


def tones_as_ramp(sheet: Sheet) -> Sheet:
    """Its tones as places between two: Mitsuba finds a vertex's attribute in instances at wrong places."""
    if sheet.tones is None:
        return sheet
    mean = sheet.tones.mean(0)
    way = np.linalg.svd(sheet.tones - mean, full_matrices=False)[2][0]
    along = (sheet.tones - mean) @ way
    low, high = float(along.min()), float(along.max())
    ends = np.clip([mean + way * low, mean + way * high], 0, 1).round(5).tolist()
    share = (along - low) / max(high - low, 1e-9)
    uv = np.stack([0.25 + 0.5 * share, np.full(len(share), 0.5)], 1)
    return Sheet(sheet.origin, sheet.faces, uv, None, (tuple(ends[0]), tuple(ends[1])))


def vertex_normals(vertices: Floats, faces: Ints) -> Floats:
    """Unit normals (V, 3), of a vertex's faces by their area."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    face = np.cross(b - a, c - a)
    total = np.stack([np.bincount(faces.ravel(), np.repeat(face[:, k], 3), len(vertices)) for k in range(3)], 1)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-30))
