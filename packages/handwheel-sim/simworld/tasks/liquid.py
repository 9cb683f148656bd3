"""What is poured: drops that fall, and what gathers below them."""

from __future__ import annotations

import numpy as np

from simworld.scene_types import Floats, Material, Mesh, Pose, Rgb
from simworld.scenery import shapes
from simworld.tasks.motion import GRAVITY_M_S2, fall_duration_s, minimum_jerk, vec
from simworld.tasks.script import Liquid

DROPS = 16
DROP_M = 0.0045
KINDS: tuple[Rgb, ...] = ((0.45, 0.16, 0.04), (0.8, 0.42, 0.06), (0.75, 0.72, 0.66), (0.35, 0.5, 0.6))
CORNERS = 40


def meshes(index: int, rng: np.random.Generator) -> dict[str, Mesh]:
    """Drops and a pool of radius 1."""
    material = Material(KINDS[int(rng.integers(len(KINDS)))], roughness=0.12)
    drop = shapes.ellipsoid((DROP_M, DROP_M, DROP_M * 2.2), 10).mesh(material)
    turn = np.arange(CORNERS) / CORNERS * 2 * np.pi
    rim = np.stack([np.cos(turn), np.sin(turn), 0 * turn], axis=1)
    k = np.arange(CORNERS)
    faces = np.stack([0 * k + CORNERS, k, (k + 1) % CORNERS], axis=1).astype(np.int32)
    pool = Mesh(np.concatenate([rim, np.zeros((1, 3))]), faces, material)
    return {f"liquid{index}:pool": pool} | {f"liquid{index}:drop{d}": drop for d in range(DROPS)}


def places(liquid: Liquid, index: int, t_s: float) -> dict[str, Pose | Floats]:
    """Where drops and pool are; what is not there is not named."""
    out: dict[str, Pose | Floats] = {}
    fall = fall_duration_s(float(liquid.lip(t_s)[2]) - liquid.floor_z_m)
    for d in range(DROPS):
        born = liquid.start_s + ((t_s - liquid.start_s) // fall) * fall + fall * d / DROPS
        born -= fall if born > t_s else 0.0
        if liquid.start_s <= born <= liquid.end_s and t_s - born < fall:
            drop = liquid.lip(born) - vec(0, 0, 0.5 * GRAVITY_M_S2 * (t_s - born) ** 2 + DROP_M)
            out[f"liquid{index}:drop{d}"] = Pose(drop)
    share = minimum_jerk((t_s - liquid.start_s - fall) / (liquid.end_s - liquid.start_s))
    if share > 0.02:
        out[f"liquid{index}:pool"] = _pool(liquid, share)
    return out


def _pool(liquid: Liquid, share: float) -> Floats:
    turn = np.arange(CORNERS) / CORNERS * 2 * np.pi
    radius = liquid.pool_radius_m * (0.62 + 0.38 * share if liquid.floor_z_m > 0.005 else np.sqrt(share))
    uneven = 1.0 if liquid.floor_z_m > 0.005 else 1 + 0.12 * np.sin(3 * turn + 1) + 0.07 * np.sin(5 * turn)
    low = liquid.floor_z_m + 0.001
    z = low + (float(liquid.pool.position[2]) - low) * share
    rim = np.stack([radius * uneven * np.cos(turn), radius * uneven * np.sin(turn), 0 * turn], axis=1)
    middle = np.array([liquid.pool.position[0], liquid.pool.position[1], z])
    return np.asarray(np.concatenate([rim, np.zeros((1, 3))]) + middle)
