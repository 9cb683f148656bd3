"""Opens pinned Handwheel releases for training, and refuses anything else."""

from handwheel.errors import VerificationError
from handwheel.format import Pin
from handwheel.release import Release, open
from handwheel.stream import Stream, torch_batches
from handwheel.view import Sample, View

__version__ = "0.1.0"

__all__ = [
    "Pin",
    "Release",
    "Sample",
    "Stream",
    "VerificationError",
    "View",
    "__version__",
    "open",
    "torch_batches",
]
