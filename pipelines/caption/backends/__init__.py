"""The captioners, by the name that `captions.backend` gives them: one file and one line each."""

from __future__ import annotations

from functools import cache

from captioning.captioner import Captioner, Signature
from pipelines.caption.backends import grounded, openai, transformers
from pipelines.caption.backends.base import Backend
from pipelines.caption.options import CaptionOptions
from schemas.errors import UsageError

BACKENDS: tuple[Backend, ...] = (
    grounded.BACKEND,
    openai.BACKEND,
    transformers.BACKEND,
)


def find_backend(options: CaptionOptions) -> Backend:
    """The backend of these options. UsageError: there is none of that name."""
    for backend in BACKENDS:
        if backend.name == options.backend:
            return backend
    names = ", ".join(backend.name for backend in BACKENDS)
    raise UsageError(f"captions.backend is {options.backend!r}; it is one of {names}")


def open_captioner(options: CaptionOptions) -> Captioner:
    """The captioner of these options; its model is loaded by its first `write`. UsageError: wrong settings."""
    return find_backend(options).open(options)


@cache
def signature(options: CaptionOptions, stage: str) -> Signature:
    """captions.model and captions.prompt that these options write; loads no model and asks no server."""
    return open_captioner(options).signature(stage)
