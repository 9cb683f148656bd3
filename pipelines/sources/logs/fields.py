"""Fields of headers and metadata that others wrote: a value of the type we expect, or BadMedia."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from schemas.errors import BadMedia

Outcome = tuple[str, str | None, float | None]  # outcome, its source, its confidence
UNKNOWN: Outcome = ("unknown", None, None)
_SPELLINGS = {
    "success": ("success", "succeeded", "successful", "succeed", "true", "yes", "y", "1", "1.0", "pass", "passed"),
    "failure": ("failure", "fail", "failed", "unsuccessful", "false", "no", "n", "0", "0.0"),
    "unknown": ("unknown", "", "none", "null", "nan", "n/a", "na", "-1", "-1.0", "unlabeled", "unlabelled"),
}
_WORDS = {spelling: word for word, spellings in _SPELLINGS.items() for spelling in spellings}
_TEXT_MAX = 65_536


def json_object(raw: bytes, where: str) -> dict[str, Any]:
    """BadMedia(bad_json) unless the bytes are one JSON object."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadMedia("bad_json", f"{where}: {str(error)[:120]}") from error
    if not isinstance(value, dict):
        raise BadMedia("bad_json", f"{where} is not an object")
    return value


def text(fields: Mapping[str, Any], key: str) -> str | None:
    """A string, or a number as one; null and empty are None."""
    value = fields.get(key)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise BadMedia("bad_header", f"{key} is {type(value).__name__}, not text")
    return str(value) if not isinstance(value, int) or abs(value) < 2**63 else _refuse(key)


def number(fields: Mapping[str, Any], key: str) -> float | None:
    """A finite number."""
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse(key)
    return float(value) if not math.isnan(value) and abs(value) <= 2**63 else _refuse(key)


def _refuse(key: str) -> Any:
    raise BadMedia("bad_header", f"{key} is not a finite number")


def text_of_json(value: Any) -> str | None:
    """Canonical JSON of what a log attached, at most 64 Ki."""
    if value is None:
        return None
    try:
        out = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, RecursionError) as error:
        raise BadMedia("bad_header", f"calibration: {error}") from error
    return out if len(out) <= _TEXT_MAX else _refuse("calibration")


def outcome_word(value: object) -> str:
    """success, failure or unknown (-1 and NaN too), of a label as a word, boolean or number, or a list of one.

    BadMedia(bad_header): it is none of these.
    """
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    word = _WORDS.get(str(one).strip().lower()) if one is None or isinstance(one, str | int | float) else None
    if word is None:
        raise BadMedia("bad_header", f"outcome is {str(value)[:80]!r}")
    return word


def is_yes(value: object) -> bool:
    """Whether a flag as a word, boolean or number, or a list of one, is set; -1, NaN and nothing are no.

    BadMedia(bad_header): it is no flag.
    """
    if isinstance(value, str) and value.strip().lower() == "discarded":
        return True
    try:
        return outcome_word(value) == "success"
    except BadMedia as error:
        raise BadMedia("bad_header", f"a flag is {str(value)[:80]!r}, neither yes nor no") from error


def outcome_of(fields: Mapping[str, Any], default_source: str = "sensor") -> Outcome:
    """Outcome as stated by `outcome` (a word, or {value, source, confidence}) or by `success` (a boolean, 0 or 1).

    A statement without a source is the simulator's where the robot is one (confidence 1), else of the default.
    """
    stated = fields.get("outcome")
    details = stated if isinstance(stated, dict) else {"value": stated}
    value = details.get("value", details.get("result"))
    outcome = outcome_word(fields.get("success") if value is None else value)
    if outcome == "unknown":
        return UNKNOWN
    simulated = "sim" in (text(fields, "robot") or "").lower().split("_")
    confidence = number(details, "confidence")
    if confidence is None and simulated:
        confidence = 1.0
    return outcome, text(details, "source") or ("sim" if simulated else default_source), confidence


def axis_names(stated: Any, array: npt.NDArray[np.float32] | None) -> tuple[str, ...]:
    """Names of the array's axes where the log gives one for each; () where it does not.

    Lists within lists and objects are joined; `{name: index}` is in the order of the indices; a name that comes twice
    is told apart by the key above it.
    """
    if array is None or array.ndim != 2:
        return ()
    for prefixed in (False, True):
        flat = tuple(_flat(stated, "", prefixed))
        if len(flat) == array.shape[1] and len(set(flat)) == len(flat):
            return flat
    plain = tuple(_flat(stated, "", False))
    return plain if len(plain) == array.shape[1] else ()


def _flat(stated: Any, prefix: str, prefixed: bool) -> list[str]:
    if isinstance(stated, dict):
        numbered = {k: v for k, v in stated.items() if isinstance(v, int) and not isinstance(v, bool)}
        if numbered and len(numbered) == len(stated):
            return [prefix + str(k) for k, _ in sorted(numbered.items(), key=lambda pair: pair[1])]
        return [n for k, part in stated.items() for n in _flat(part, f"{prefix}{k}." if prefixed else "", prefixed)]
    if isinstance(stated, list):
        parts = ([prefix + part] if isinstance(part, str) else _flat(part, prefix, prefixed) for part in stated)
        return [name for part in parts for name in part]
    return []
