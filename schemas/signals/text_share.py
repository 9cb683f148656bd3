"""How much of a clip's picture lies under text drawn on it: subtitles, watermarks, clocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from schemas.signals.base import Gate, SampledFrame, Signal

if TYPE_CHECKING:
    from schemas.signals.burned_in_text import TextState


def start() -> TextState:
    """No frame yet."""
    from schemas.signals import burned_in_text

    return burned_in_text.TextState()


def update(state: TextState, frame: SampledFrame) -> TextState:
    """With the next frame."""
    from schemas.signals import burned_in_text

    return burned_in_text.update(state, frame.t_ns, frame.luma)


def finish(state: TextState) -> float | None:
    """The share; None where drawn text could not be told from the scene's."""
    from schemas.signals import burned_in_text

    return burned_in_text.finish(state)


TEXT_SHARE = Signal(
    name="text_share",
    doc="share of the picture under text drawn on it, 0..1; null: drawn text could not be told from the scene's",
    start=start,
    update=update,
    finish=finish,
)
BURNED_IN_TEXT = Gate(
    "burned_in_text",
    TEXT_SHARE.values,
    np.greater,
    0.003,
    "text drawn on the picture, more: quarantine as burned_in_text. docs/ingest.md: 1 of 180 rendered takes has it",
    doubtful=True,
)
