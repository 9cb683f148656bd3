"""Generations of a corpus's pixels: which libraries its clips were made by, and when they are all to be made anew.

A library's version is no part of a recipe, or a patch of numpy would decode the corpus anew. What the libraries make of
pixels is measured (`pixel_digest`): where it differs from what the corpus was made by, the run says so and goes on.
`--redecode` begins a generation, whose recipe is another one: every recording that can still be had is decoded again,
and what cannot stays under its own generation.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from infra.storage import objects
from pipelines.hop import Run
from pipelines.media.options import PassOptions
from pipelines.media.pixel_digest import libraries, pixel_digest
from schemas.errors import TransientError
from schemas.keys import Recipe, key_of


@dataclass(frozen=True, slots=True)
class Generation:
    """What pixels became when a corpus's clips were decoded."""

    pixel_digest: str
    libraries: dict[str, str]
    since_ns: int

    def name(self, number: int) -> str:
        """What is part of the recipe: nothing for a corpus's first one."""
        return key_of("generation", number, self.pixel_digest)[:16] if number else ""


def generations_uri(root: str) -> str:
    """Where a corpus keeps its generations."""
    return objects.join(root, "generations.json")


def generations_of(root: str) -> tuple[Generation, ...]:
    """A corpus's generations, oldest first; none before its first recording."""
    return _read(root)[0]


def _read(root: str) -> tuple[tuple[Generation, ...], str]:
    try:
        data, etag = objects.read(generations_uri(root))
    except FileNotFoundError:
        return (), ""
    return tuple(Generation(**plain) for plain in json.loads(data)["generations"]), etag


def _put(root: str, generations: tuple[Generation, ...], etag: str) -> None:
    data = json.dumps({"generations": [dataclasses.asdict(g) for g in generations]}, indent=1).encode()
    try:
        objects.put(generations_uri(root), data, if_absent=not etag, if_match=etag or None)
    except objects.Conflict as e:
        raise TransientError(f"{generations_uri(root)} is written by another run; run the same command again") from e


def with_generation(options: PassOptions, root: str) -> PassOptions:
    """The options under a corpus's newest generation."""
    known = generations_of(root)
    return dataclasses.replace(options, generation=known[-1].name(len(known) - 1)) if len(known) > 1 else options


def recipe_under(options: PassOptions, root: str) -> Recipe:
    """The recipe under a corpus's newest generation, with those of the earlier ones."""
    names = [generation.name(i) for i, generation in enumerate(generations_of(root))] or [""]
    newest, *earlier = (dataclasses.replace(options, generation=name).recipe for name in reversed(names))
    return Recipe.of(newest, tuple(earlier))


def note_changed_pixels(run: Run) -> str | None:
    """A line for people where recordings are decoded otherwise now than before. A corpus's first digest is noted."""
    known, now = generations_of(run.store.root), pixel_digest()
    if not known:
        _put(run.store.root, (Generation(now, libraries(), run.now_ns()),), "")
        return None
    if known[-1].pixel_digest == now:
        return None
    changed = [
        f"{name} {known[-1].libraries.get(name, 'none')} -> {version}"
        for name, version in libraries().items()
        if known[-1].libraries.get(name) != version
    ]
    return (
        f"pixels are decoded otherwise than before in this corpus ({', '.join(changed) or 'the same versions'}); what "
        "is there stays. `handwheel turn --redecode` decodes every recording again"
    )


def begin_generation(run: Run) -> Generation:
    """Begins a generation: recordings are decoded anew from here on. TransientError: another run writes it too."""
    known, etag = _read(run.store.root)
    new = Generation(pixel_digest(), libraries(), run.now_ns())
    _put(run.store.root, (*known, new) if known else (new, new), etag)
    return new
