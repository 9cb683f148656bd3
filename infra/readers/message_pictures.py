"""Pictures in messages: what a message's picture is, judged by its bytes, and where a stream of video can begin."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.readers import message_fields

PICTURE_TYPES = frozenset({"CompressedImage", "Image", "RawImage", "CompressedVideo"})
RAW_CHANNELS = {"rgb8": 3, "bgr8": 3, "mono8": 1, "8UC3": 3, "8UC1": 1}  # 8UC3: OpenCV's, blue first
VIDEO_CODECS = {"h264": "h264", "avc": "h264", "h265": "hevc", "hevc": "hevc"}
VIDEO_FORMS = frozenset(VIDEO_CODECS.values())
START_CODE = re.compile(rb"\x00\x00\x01(.)", re.DOTALL)
LARGEST_SIDE_PX = 16_384

Picture = bytes | npt.NDArray[np.uint8]  # JPEG, PNG or a frame's NAL units; or (H, W, 3) RGB


class UnfitError(Exception):
    """A message without a picture that can be used. args[0]: why, in words that many messages may share."""


def short_type(name: str) -> str:
    """`JointState` of `sensor_msgs/msg/JointState`, `CompressedImage` of `foxglove.CompressedImage`."""
    return re.split(r"[/.]", name)[-1]


def is_picture(topic: str, type_name: str) -> bool:
    """Whether a topic's messages are pictures that a person could look at; depth says so in its name or type."""
    return short_type(type_name) in PICTURE_TYPES and not topic.lower().endswith("compresseddepth")


@dataclass(slots=True)
class Film:
    """The pictures of one topic as they come: the form of the first holds for all; video begins at a key frame.

    left_out: messages that cannot be taken, by why.
    """

    type: str
    form: str = ""  # jpeg, png, raw, h264, hevc
    running: bool = False  # video: a key frame came, and nothing was lost since
    left_out: dict[str, int] = field(default_factory=dict)

    def take(self, message: Any) -> Picture | None:
        """The message's picture; None where it is left out."""
        try:
            form, picture = picture_of(message, self.type)
            if self.form and form != self.form:
                raise UnfitError(f"{form} among {self.form}")
            if form in VIDEO_FORMS and not self.running:
                if not starts_stream(picture, form):
                    raise UnfitError("video before a key frame")
                self.running = True
            self.form = form
            return picture
        except UnfitError as e:
            self.skip(str(e))
            return None

    def skip(self, why: str) -> None:
        """One message is left out."""
        self.left_out[why] = self.left_out.get(why, 0) + 1

    def interrupt(self) -> None:
        """Something of the log is lost here: video goes on at the next key frame."""
        self.running = False


def picture_of(message: Any, type_name: str) -> tuple[str, Picture]:
    """Form and picture. UnfitError: why there is none."""
    data = _bytes(message_fields.field(message, "data"))
    if short_type(type_name) in ("Image", "RawImage"):
        return "raw", _raw(message, data)
    stated = str(message_fields.field(message, "format") or "").lower()
    if "depth" in stated:
        raise UnfitError(f"depth ({stated[:40]})")
    if not data:
        raise UnfitError("no bytes")
    for word, codec in VIDEO_CODECS.items():
        if word in stated:
            return codec, data
    if short_type(type_name) == "CompressedVideo":
        raise UnfitError(f"video of the format {stated[:40]!r}")
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg", data
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        if data[24:25] != b"\x08":
            raise UnfitError("PNG that is not of 8 bits, as depth is")
        return "png", data
    raise UnfitError(f"neither JPEG nor PNG (format {stated[:40]!r})")


def _bytes(data: Any) -> bytes:
    if isinstance(data, str):  # JSON
        try:
            return base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as e:
            raise UnfitError("data is no base64") from e
    if data is None:
        return b""
    if isinstance(data, np.ndarray):
        return data.astype(np.uint8).tobytes()
    try:
        return bytes(data)
    except (TypeError, ValueError) as e:
        raise UnfitError("data is no bytes") from e


def _raw(message: Any, data: bytes) -> npt.NDArray[np.uint8]:
    """(H, W, 3) RGB of a raw image whose rows may be padded."""
    encoding = str(message_fields.field(message, "encoding"))
    channels = RAW_CHANNELS.get(encoding)
    if channels is None:
        raise UnfitError(f"raw pictures of the encoding {encoding[:40]!r}")
    height, width, step = (message_fields.field(message, name) for name in ("height", "width", "step"))
    sides = [v for v in (height, width) if isinstance(v, int) and 0 < v <= LARGEST_SIDE_PX]
    if len(sides) != 2 or not isinstance(step, int):
        raise UnfitError("a raw picture without a size")
    height, width = sides
    step = step or width * channels
    if step < width * channels or len(data) < step * (height - 1) + width * channels:
        raise UnfitError("a raw picture with fewer bytes than its size needs")
    padded = np.frombuffer(data.ljust(step * height, b"\0")[: step * height], np.uint8).reshape(height, step)
    pixels = padded[:, : width * channels].reshape(height, width, channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[..., ::-1] if encoding in ("bgr8", "8UC3") else pixels)


def starts_stream(data: Picture, codec: str) -> bool:
    """Whether an access unit in Annex B has its parameter sets and a key frame: a decoder can begin with it."""
    heads = [head[0] for head in START_CODE.findall(bytes(data))]
    if codec == "h264":
        types = {head & 0x1F for head in heads}
        return {5, 7} <= types
    types = {head >> 1 & 0x3F for head in heads}
    return 33 in types and not types.isdisjoint(range(16, 22))
