"""Train a tiny inverse dynamics model (two frames -> the action between them) from a pin, on a CPU.

    python train_idm.py --pin train.pin [--view idm_so101_sim] [--steps 30]

It prints one line of JSON: the release it was trained on and the mean squared error of the normalised action
over one fixed set of train windows, before and after.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator

import handwheel
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

SIZE_PX = 32


def pairs(stream: handwheel.Stream, mean: Tensor, std: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Without end: (N, 6, SIZE_PX, SIZE_PX), frame t and its change to t+1; (N, A), normalised actions."""
    while True:
        for batch in handwheel.torch_batches(stream):
            pixels = batch["frames"].permute(0, 1, 4, 2, 3).float() / 255  # (B, T, 3, H, W)
            both = torch.cat([pixels[:, :-1], 4 * pixels.diff(dim=1)], 2)[batch["mask"][:, 1:]]
            actions = ((batch["actions"] - mean) / std)[:, :-1][batch["mask"][:, 1:]]
            yield interpolate(both, (SIZE_PX, SIZE_PX), mode="area"), actions


def model(axes: int) -> nn.Module:
    """Pictures (N, 6, SIZE_PX, SIZE_PX) to normalised actions (N, axes)."""
    return nn.Sequential(
        nn.Conv2d(6, 16, 5, 4, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(32 * (SIZE_PX // 8) ** 2, 64), nn.ReLU(), nn.Linear(64, axes),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pin", required=True)
    parser.add_argument("--view", help="default: the release's first idm_ view")
    parser.add_argument("--steps", type=int, default=30)
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    release = handwheel.open(args.pin)
    view = args.view or next((v for v in release.views if v.startswith("idm_")), None)
    if view is None or "actions" not in release.stats.get(view, {}):
        parser.error(f"release {release.name} has no view with actions to train on; it has {release.views}")
    stats = release.stats[view]["actions"]
    mean, std = torch.from_numpy(stats["mean"]), torch.from_numpy(stats["std"]).clamp_min(1e-3)
    train = release.view(view, split="train")
    fixed_windows = list(itertools.islice(pairs(train.stream(seed=1, batch_size=4), mean, std), 4))
    net = model(len(mean))
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)

    def loss_of(frames: Tensor, actions: Tensor) -> Tensor:
        return nn.functional.mse_loss(net(frames), actions)

    def mean_loss() -> float:
        with torch.no_grad():
            return sum(float(loss_of(*h)) for h in fixed_windows) / len(fixed_windows)

    before = mean_loss()
    batches = pairs(train.stream(seed=0, batch_size=4), mean, std)
    for frames, actions in itertools.islice(batches, args.steps):
        optimiser.zero_grad()
        loss_of(frames, actions).backward()
        optimiser.step()
    result = {"release": release.name, "id": release.id, "view": view, "steps": args.steps}
    print(json.dumps(result | {"loss_before": round(before, 4), "loss_after": round(mean_loss(), 4)}))


if __name__ == "__main__":
    main()
