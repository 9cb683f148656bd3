"""`openai`: a model behind an OpenAI-compatible server."""

from __future__ import annotations

from functools import partial

from pipelines.caption.backends.base import Backend, PromptedCaptioner
from pipelines.caption.options import CaptionOptions


def open_captioner(options: CaptionOptions) -> PromptedCaptioner:
    """The captioner of `captions.base_url` and `captions.model`."""
    from infra.models.openai_compatible import CallLimits, OpenAICompatible, decoding_of, served_name

    limits = CallLimits(options.max_in_flight, options.timeout_s)
    open_model = partial(
        OpenAICompatible, options.base_url, options.model, options.api_key_env or None, options.max_tokens, limits
    )
    return PromptedCaptioner(
        served_name(options.model), decoding_of(options.max_tokens), options.max_images, open_model
    )


BACKEND = Backend("openai", open_captioner)
