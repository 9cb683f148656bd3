"""Keys: stable hashes of what makes a row itself, the same on every machine."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

# One for all calls: json.dumps with options makes a new encoder each time, a third of a key's cost.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def key_of(*parts: object) -> str:
    """32 hex digits of sha256 over the parts' JSON; parts are strings, integers, booleans or None."""
    return digest_of(list(parts))[:32]


def digest_of(value: Any) -> str:
    """64 hex digits of sha256 over canonical JSON (sorted keys, no spaces, no NaN)."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


def as_stored(value: Any) -> Any:
    """A dataclass as plain data under its fields' stored names, nested ones too; what is hashed or kept of options.

    A field that is called better in Python than where it is stored says so: `stored_as("old_name", default=...)`. So a
    rename in Python changes no digest.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {str(f.metadata.get("stored") or f.name): as_stored(getattr(value, f.name)) for f in fields}
    if isinstance(value, list | tuple):
        return [as_stored(v) for v in value]
    if isinstance(value, dict):
        return {k: as_stored(v) for k, v in value.items()}
    return value


def stored_as(name: str, **options: Any) -> Any:
    """A dataclass field whose stored name is another one; options: those of `dataclasses.field`."""
    return dataclasses.field(metadata={"stored": name, **options.pop("metadata", {})}, **options)


def stored_text(value: Any, name: str) -> str:
    """`name(field=value, ...)`: what `repr` of a flat dataclass was when its digests were first taken."""
    fields = [(f.metadata.get("stored") or f.name, getattr(value, f.name)) for f in dataclasses.fields(value)]
    return f"{name}({', '.join(f'{k}={v!r}' for k, v in fields)})"


class Recipe(str):
    """Digest of what shapes clips; `earlier` are those of generations before, of what was not decoded anew."""

    earlier: tuple[str, ...] = ()

    @staticmethod
    def of(newest: str, earlier: tuple[str, ...] = ()) -> Recipe:
        """The newest recipe with the earlier ones, newest first."""
        recipe = Recipe(newest)
        recipe.earlier = earlier
        return recipe


def recipes_of(recipe: str) -> tuple[str, ...]:
    """A recipe and those of earlier generations, newest first."""
    return (str(recipe), *recipe.earlier) if isinstance(recipe, Recipe) else (recipe,)


def clip_id(sha256: str, start_ns: int, end_ns: int) -> str:
    """Key of a span of a recording's bytes. A clip and a kept span of it share this formula."""
    return key_of(sha256, start_ns, end_ns)


def asset_key(uri: str, revision: str, recipe: str, *, robot: bool = False) -> str:
    """assets.asset_id: a place at a revision, decoded under a recipe; a log's recording is another asset."""
    return key_of(uri, revision, recipe, "robot") if robot else key_of(uri, revision, recipe)


def place_key(uri: str, revision: str) -> str:
    """A place at a revision, whatever is made of it: names its file while it is fetched."""
    return key_of(uri, revision)


def log_key(uri: str, revision: str, recipe: str) -> str:
    """A robot's log at a revision, folded under a recipe: subject of its reject."""
    return key_of(uri, revision, recipe)


def log_revision(uri: str, parts: Iterable[str]) -> str:
    """episodes.revision: what the log's attempts are made of; no two places share one."""
    return key_of(uri, *parts)


def attempt_key(log: str, name: str) -> str:
    """Subject of the reject of one attempt, by its log's key."""
    return key_of(log, name)


def reading_revision(reader: str, options: str, namespace: str, revision: str) -> str:
    """episodes.revision: a log's, with its reader, the digest of what `[[robot]]` says of it, and its namespace."""
    return key_of(reader, options, namespace, revision)


def episode_key(namespace: str, name: str) -> str:
    """episodes.episode_id: an attempt by its data set's namespace and the log's own name of it."""
    return key_of(namespace, name)


def episode_row_key(episode_id: str, revision: str, reading: int) -> str:
    """episodes.episode_row_id: what one reading of a revision of a log says of an attempt."""
    return key_of(episode_id, revision, reading)


def variant_key(redacted: Sequence[Sequence[int]], quarter_turns: int, blur: str, cut: str) -> str:
    """assets.tiling: how a decode differs from the plain one; 16 hex digits."""
    return digest_of([redacted, quarter_turns, blur, cut])[:16]


def shuffled_by(run_id: str, uri: str) -> str:
    """Sorts places in another order each run."""
    return key_of(run_id, uri)


def clip_row_key(clip_id: str, recipe: str, decode_variant: str) -> str:
    """clips.clip_row_id: the span's signals belong to a recipe, and to how it was redacted, turned and cut."""
    return key_of(clip_id, recipe, decode_variant)


def hands_key(clip_row_id: str, detector: str) -> str:
    """hands.hands_id: a clip's track by one detector."""
    return key_of(clip_row_id, detector)


def compared_key(clip_id: str, version: str) -> str:
    """marks.marks_id: a clip that was compared under a version of everything that makes two clips a pair."""
    return key_of(clip_id, version)


def duplicate_key(clip_a: str, clip_b: str, version: str) -> str:
    """duplicates.duplicate_id: two clips, the lesser first."""
    return key_of(clip_a, clip_b, version)


def crowded_key(key: int, rank: str) -> str:
    """commons.common_id: a crowded key with the last rank that stands for it."""
    return key_of(key, rank)


def decision_key(span_id: str, clip_row_id: str, stage: str, licence: str | None, policy: str) -> str:
    """decisions.decision_id: a span's verdict, with everything that it rests on."""
    return key_of(span_id, clip_row_id, stage, licence, policy)


def caption_key(span_id: str, kind: str, model: str, prompt: str, basis: str) -> str:
    """captions.caption_id: one text by one model and prompt, from the words it rests on."""
    return key_of(span_id, kind, model, prompt, basis)


def reject_key(subject: str, hop: str, recipe: str, *limits: str) -> str:
    """rejects.reject_id: a refusal by one hop, final under a recipe; one that a limit led to, under the limits too."""
    return key_of(subject, hop, recipe, *limits)


def step_key(steps_id: str, frame: int) -> str:
    """steps.step_id."""
    return key_of(steps_id, frame)


def share_of(*parts: object) -> float:
    """A number in [0, 1), drawn by hash: the same parts give the same number on every machine."""
    return int(key_of(*parts)[:12], 16) / 16**12


def salted(identity: str, salt: str) -> str:
    """A wearer, robot or site id as it may be stored: 16 hex digits that the salt's owner alone can match."""
    return key_of("identity", salt, identity)[:16]
