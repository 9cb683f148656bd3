"""One link of the peers' chain over a file, in their own virtual environment: prints what it cost, imports left out.

`python chain.py NAME FILE FOLDER`. Where a setting matters it is the one that suits the peer: motion at 256 px and
4 Hz (its default, the full size, costs some six times as much), frames at the proxy's size and rate.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from meter import Meter

SAMPLE_HZ, LONG_SIDE_PX, QUALITY_SIZE = 4, 448, (252, 448)


def scenedetect_histogram(path: str, folder: str) -> str:
    """Cuts: PySceneDetect's HistogramDetector."""
    from scenedetect import HistogramDetector, detect

    meter = Meter()
    detect(path, HistogramDetector(), show_progress=False)
    return meter.said()


def datajuicer_motion(path: str, folder: str) -> str:
    """Motion: Data-Juicer's VideoMotionScoreFilter (Farneback)."""
    from data_juicer.ops.filter.video_motion_score_filter import VideoMotionScoreFilter

    op = VideoMotionScoreFilter(sampling_fps=SAMPLE_HZ, size=256)
    meter = Meter()
    op.compute_stats_single({"videos": [path], "text": "", "__dj__stats__": {}})
    return meter.said()


def datajuicer_split(path: str, folder: str) -> str:
    """Cuts with the clips written out: Data-Juicer's VideoSplitBySceneMapper."""
    from data_juicer.ops.mapper.video_split_by_scene_mapper import VideoSplitBySceneMapper

    op = VideoSplitBySceneMapper(save_dir=folder)
    sample = {"videos": [path], "text": "<__dj__video>", "__dj__source_file__": [path], "__dj__stats__": {}}
    meter = Meter()
    op.process_single(sample)
    return meter.said()


def daft_frames(path: str, folder: str) -> str:
    """Sampled frames as JPEG: daft's read_video_frames."""
    import daft

    meter = Meter()
    height, width = QUALITY_SIZE
    frames = daft.read_video_frames(path, image_height=height, image_width=width, sample_interval_seconds=1 / SAMPLE_HZ)
    frames.select(daft.functions.encode_image(frames["data"], "jpeg")).collect()
    return meter.said()


if __name__ == "__main__":
    os.environ["DJ_PRODUCED_DATA_DIR"] = sys.argv[3]
    line = globals()[sys.argv[1]](sys.argv[2], sys.argv[3])
    print("\n" + line)
