"""What a signal is, and a gate: a stream over sampled frames that fills a column, and a limit on one value a clip."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

S = TypeVar("S")
Luma = NDArray[np.uint8]
Rgb = NDArray[np.uint8]
Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """One sampled frame: time in ns, luma uint8 (h, w) at proxy size, small uint8 at about a quarter of it.

    rgb: uint8 (h, w, 3), the frame as it was sampled and no copy of it: a signal writes nothing into it.
    """

    t_ns: int
    luma: Luma
    small: Luma
    rgb: Rgb


def sampled_frame(t_ns: int, rgb: Rgb) -> SampledFrame:
    """The sample of an upright RGB frame, uint8 (h, w, 3)."""
    import cv2

    luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    h, w = luma.shape
    size = (max(16, w // 4), max(16, h // 4))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    return SampledFrame(t_ns, luma, small, rgb)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal(Generic[S]):
    """A stream over a clip's sampled frames: start(), update(state, frame) for each, finish(state).

    finish gives None where the frames do not tell. `name` is its column of clips, `doc` the column's, unit included.
    """

    name: str
    doc: str
    start: Callable[[], S]
    update: Callable[[S, SampledFrame], S]
    finish: Callable[[S], float | None]

    def column(self) -> Any:
        """The field of schemas.Clip that holds it."""
        return field(default=None, metadata={"doc": self.doc, "arrow": None, "signal": self})

    def values(self, clips: pa.Table) -> Values:
        """float64 (N,) of a table of clips, nan for null: every comparison with it is false."""
        return np.asarray(pc.cast(clips[self.name], pa.float64()).to_numpy(), np.float64)


@dataclass(frozen=True, slots=True)
class Gate:
    """A limit on one value a clip: a clip that breaks it has the reason. nan breaks none."""

    reason: str  # stable code: decisions keep it
    values: Callable[[pa.Table], Values]  # (N,) of a table of clips
    compare: Callable[[Values, float], Mask]  # np.less: values under the limit break it; np.greater: values over it
    limit: float  # unless a policy says otherwise
    doc: str  # what breaks it, and where the number comes from
    doubtful: bool = False  # what breaks it is worth a second look: quarantine, where other gates reject

    def policy_field(self, stored: str | None = None) -> Any:
        """The field of a policy that holds the limit; stored: its name in digests, where that is another one."""
        metadata = {"doc": self.doc, "gate": self} | ({} if stored is None else {"stored": stored})
        return field(default=self.limit, metadata=metadata)

    def broken_by(self, clips: pa.Table, limit: float) -> Mask:
        """Which of the clips break a limit, (N,)."""
        return self.compare(self.values(clips), limit)


def signals_of(row: type) -> tuple[Signal[Any], ...]:
    """The signals among a row class's fields, in order. ValueError: a field has another name than its signal."""
    signals = {f.name: f.metadata["signal"] for f in dataclasses.fields(row) if "signal" in f.metadata}
    for name, signal in signals.items():
        if name != signal.name:
            raise ValueError(f"{row.__name__}.{name} holds the signal {signal.name}: one name for both")
    return tuple(signals.values())


@dataclass(slots=True)
class PairValues:
    """A value for each pair of neighbouring samples."""

    last: SampledFrame | None = None
    values: list[float] = field(default_factory=list)


def add_difference(pairs: PairValues, frame: SampledFrame) -> PairValues:
    """With the mean absolute difference of luma to the sample before, 0..255."""
    import cv2

    if pairs.last is not None:
        pairs.values.append(float(cv2.absdiff(frame.small, pairs.last.small).mean()))
    pairs.last = frame
    return pairs


def median_of(values: list[float]) -> float | None:
    """The median to four digits; None of nothing."""
    return round(float(np.median(values)), 4) if values else None
