"""`transformers`: a vision-language model in the worker's own process."""

from __future__ import annotations

from functools import partial

from pipelines.caption.backends.base import Backend, PromptedCaptioner
from pipelines.caption.options import CaptionOptions


def open_captioner(options: CaptionOptions) -> PromptedCaptioner:
    """The captioner of `captions.model`, a folder or a cached id. UsageError: there is no such model."""
    from infra.models.transformers_vlm import TransformersVlm, decoding_of, local_name

    open_model = partial(TransformersVlm, options.model, options.device, options.max_tokens)
    return PromptedCaptioner(local_name(options.model), decoding_of(options.max_tokens), options.max_images, open_model)


BACKEND = Backend("transformers", open_captioner)
