"""Settings of caption."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """What writes, and how much at a time."""

    backend: str = "grounded"  # grounded, openai or transformers; docs/captions.md
    model: str = ""  # openai: the server's name of it; transformers: a folder or a cached id
    base_url: str = ""  # openai: ends in /v1
    api_key_env: str = ""  # openai: the environment variable that holds the key; empty: none is sent
    device: str = "cpu"  # transformers: cpu, cuda, cuda:1
    max_images: int = 8  # of a span, evenly spread; 0 for a model that reads text only
    batch_size: int = 32  # spans in one commit
    max_in_flight: int = 8  # openai: requests at once
    max_tokens: int = 800  # of a reply
    timeout_s: float = 120.0  # openai: of one request
