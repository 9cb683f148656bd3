"""The door to transformers: a vision-language model in this process."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from infra.models.language_model import ModelRequest
from schemas.errors import UsageError


class TransformersVlm:
    """Any AutoModelForImageTextToText with a chat template.

    Greedy and one request at a time: a batch's padding would make a text depend on the batch's other members.

    path_or_id: a folder, or an id in the local cache; it is fetched only where local_only is False.
    """

    def __init__(
        self, path_or_id: str, device: str = "cpu", max_new_tokens: int = 800, local_only: bool = True
    ) -> None:
        import torch
        from transformers import AutoModelForImageTextToText, AutoProcessor

        if not path_or_id:
            raise UsageError("the transformers backend needs [captions] model: a folder or a cached id")
        try:
            self._processor = AutoProcessor.from_pretrained(path_or_id, local_files_only=local_only)
            model = AutoModelForImageTextToText.from_pretrained(path_or_id, local_files_only=local_only)
        except (OSError, ValueError) as error:
            raise UsageError(f"no vision-language model at {path_or_id}: {error}") from error
        if not getattr(self._processor, "chat_template", None):
            raise UsageError(f"the processor of {path_or_id} has no chat template")
        torch.manual_seed(0)
        # `to` is torch.nn.Module's; the wrapper that transformers puts around it lost its signature.
        self._model = cast("Any", model).to(device).eval()
        self._device = device
        self._max_new_tokens = max_new_tokens
        self.name = local_name(path_or_id, local_only)
        self.decoding = decoding_of(max_new_tokens)

    def complete(self, requests: Sequence[ModelRequest]) -> list[str]:
        """Replies in order; see LanguageModel."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: ModelRequest) -> str:
        import torch

        inputs = self._processor.apply_chat_template(
            [{"role": "user", "content": _content(request)}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._device)
        with torch.inference_mode():
            ids = self._model.generate(**inputs, do_sample=False, max_new_tokens=self._max_new_tokens)
        reply = ids[:, inputs["input_ids"].shape[1] :]
        return str(self._processor.batch_decode(reply, skip_special_tokens=True)[0])


def decoding_of(max_new_tokens: int) -> str:
    """captions.decoding: what `generate` is told."""
    return json.dumps({"do_sample": False, "max_new_tokens": max_new_tokens})


def _content(request: ModelRequest) -> list[dict[str, Any]]:
    from PIL import Image

    pictures = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in request.images]
    return [*({"type": "image", "image": p} for p in pictures), {"type": "text", "text": request.text}]


def local_name(path_or_id: str, local_only: bool = True) -> str:
    """captions.model of a model in this process, without loading it.

    Its name and 12 hex digits: the hub's commit, or a digest of the config and the weights' names and sizes.
    """
    folder = Path(path_or_id)
    if not (folder / "config.json").is_file():
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(path_or_id, local_files_only=local_only))
        except (OSError, ValueError) as error:
            raise UsageError(f"no vision-language model at {path_or_id}: {error}") from error
        return f"transformers {path_or_id} {folder.name[:12]}"
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for weights in sorted(folder.glob("*.safetensors")):
        digest.update(f"{weights.name} {weights.stat().st_size}\n".encode())
    return f"transformers {folder.name} {digest.hexdigest()[:12]}"
