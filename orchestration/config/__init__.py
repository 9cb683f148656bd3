"""handwheel.toml: one typed file. Defaults live in the rooms' own option classes; this room only composes them."""

from orchestration.config.reading import load
from orchestration.config.sections import Config
from orchestration.config.template import commented

__all__ = ["Config", "commented", "load"]
