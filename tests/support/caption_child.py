"""Caption through Ray in a process of its own: pytest would raise what Lance warns of when Ray forks."""

from __future__ import annotations

import json
import sys
from typing import Any

from filters.policies.policy import Policy
from infra.storage.tables import Store
from pipelines.caption import hop
from pipelines.caption.options import CaptionOptions
from pipelines.hop import Ray, Run
from schemas.errors import UsageError


def main(root: str, vlm: str) -> None:
    """Grounded, then a model twice, then a model that the workers cannot open; prints what each added."""
    hop.IN_PROCESS_SPANS = 0
    run = Run(Store(root), "child", ray=Ray(workers=1))
    model = CaptionOptions(backend="transformers", model=vlm, max_images=1, max_tokens=4, batch_size=2)
    added: list[Any] = [
        hop.caption(run, "r", Policy(detector="d"), options).added for options in (CaptionOptions(), model, model)
    ]
    try:
        hop.caption(run, "r", Policy(detector="d"), CaptionOptions(backend="openai", model="m"))
    except UsageError:
        added.append("bad setting")
    print(json.dumps(added))


if __name__ == "__main__":
    main(*sys.argv[1:])
