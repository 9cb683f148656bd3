"""The motion of a recording that was decoded before, told in the sandbox. `main` is the child's entry."""

from __future__ import annotations

from pathlib import Path

from infra.sandbox import sandbox, tempdirs
from pipelines.media.picture_motion import MotionTrack, Saved, load


def main(argv: list[str]) -> None:
    """argv: media path, path of the .npy to write (`MotionTrack.save`)."""
    from infra.video import decoder, pixels  # PyAV: in the child alone

    track, first = MotionTrack(), None
    with decoder.open_media(Path(argv[0])) as container:
        for picture in decoder.pictures(container, decoder.video_stream(container)):
            luma = pixels.luma_like(picture.frame, first)
            first = luma if first is None else first
            track.add(picture.t_ns, luma)
    track.save(Path(argv[1]))


def motion_of(path: Path, limits: sandbox.Limits) -> Saved:
    """A recording's motion, by a decode that makes nothing else. BadMedia: why it cannot be used."""
    with tempdirs.folder("motion") as folder:
        out = folder / "motion.npy"
        sandbox.run(__name__, [str(path), str(out)], limits)
        return load(out)
