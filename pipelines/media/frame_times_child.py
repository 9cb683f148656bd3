"""When each frame of a recording is shown, told in the sandbox. `main` is the child's entry."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra.sandbox import sandbox, tempdirs


def main(argv: list[str]) -> None:
    """argv: media path, path of the .npy to write: int64 (N,), as infra.video.frame_times says."""
    from infra.video.frame_times import frame_times  # PyAV: in the child alone

    np.save(Path(argv[1]), frame_times(Path(argv[0])), allow_pickle=False)


def frame_times_of(path: Path, limits: sandbox.Limits) -> npt.NDArray[np.int64]:
    """The times of a recording's frames, int64 (N,), ns from the first, ascending. BadMedia: why it cannot be used."""
    with tempdirs.folder("times") as folder:
        out = folder / "times.npy"
        sandbox.run(__name__, [str(path), str(out)], limits)
        times: npt.NDArray[np.int64] = np.load(out, allow_pickle=False)
    return times
