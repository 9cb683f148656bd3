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
_WORDS = {word: word for word in ("success", "failure", "unknown")} | {"fail": "failure", "failed": "failure"}
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


def outcome_of(fields: Mapping[str, Any]) -> Outcome:
    """Outcome as stated by `outcome` (a word, or {value, source, confidence}) or by `success` (a boolean).

    A statement without a source is the simulator's where the robot is one (confidence 1), else a sensor's.
    """
    stated = fields.get("outcome")
    details = stated if isinstance(stated, dict) else {"value": stated}
    value = details.get("value", details.get("result"))
    if value is None and isinstance(fields.get("success"), bool):
        value = "success" if fields["success"] else "failure"
    outcome = _WORDS.get(str(value).lower()) if value is not None else "unknown"
    if outcome is None:
        raise BadMedia("bad_header", f"outcome is {str(value)[:80]!r}")
    if outcome == "unknown":
        return UNKNOWN
    simulated = "sim" in (text(fields, "robot") or "").split("_")
    confidence = number(details, "confidence")
    if confidence is None and simulated:
        confidence = 1.0
    return outcome, text(details, "source") or ("sim" if simulated else "sensor"), confidence


def axis_names(stated: Any, array: npt.NDArray[np.float32] | None) -> tuple[str, ...]:
    """Names of the array's axes where the log gives one for each; lists nested in objects are joined."""
    flat = _flat(stated)
    return tuple(flat) if array is not None and array.ndim == 2 and len(flat) == array.shape[1] else ()


def _flat(stated: Any) -> list[str]:
    if isinstance(stated, dict):
        return [name for part in stated.values() for name in _flat(part)]
    if isinstance(stated, list):
        return [name for name in stated if isinstance(name, str)]
    return []
