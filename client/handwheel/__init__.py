"""Opens pinned Handwheel releases for training, and refuses anything else."""

from handwheel.format import Pin

__version__ = "0.1.0"

__all__ = ["Pin", "__version__"]
