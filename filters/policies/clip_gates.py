"""Which gates a clip breaks: the licence's, then the policy's limits, as one bit a reason."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from filters import licences
from filters.policies.policy import FIELD_OF, Policy
from schemas.columns import with_nulls_as
from schemas.signals.base import Gate, Mask

GATES: tuple[Gate, ...] = tuple(FIELD_OF)
# Licences first: the ledger tells the first reason.
REASONS = (*licences.REASONS, *(gate.reason for gate in GATES))
LICENCE_BITS = (1 << len(licences.REASONS)) - 1
DOUBTFUL_BITS = sum(1 << REASONS.index(gate.reason) for gate in GATES if gate.doubtful)


def broken_gates(clips: pa.Table, policy: Policy) -> NDArray[np.int64]:
    """Per clip the gates it breaks, one bit each in the order of REASONS; a null signal breaks none."""
    limits = [gate.broken_by(clips, policy.limit(gate)) for gate in GATES]
    masks = [*refused_licences(clips, policy), *limits]
    bits: NDArray[np.int64] = np.sum([m.astype(np.int64) << i for i, m in enumerate(masks)], axis=0, dtype=np.int64)
    return bits


def refused_licences(clips: pa.Table, policy: Policy) -> list[Mask]:
    """Per reason of licences.REASONS, which clips it refuses."""
    stated = clips["licence"].combine_chunks().dictionary_encode()
    why = [licences.refusal(words, policy.purpose, policy.licences_held) for words in stated.dictionary.to_pylist()]
    at = with_nulls_as(stated.indices, len(why)).to_numpy()
    of_clip = np.array([*why, licences.refusal(None, policy.purpose, policy.licences_held)], dtype=object)[at]
    return [np.asarray(of_clip == reason) for reason in licences.REASONS]


def reasons_of(bits: int) -> tuple[str, list[str]]:
    """Verdict and reasons of the gates that a clip breaks, at least one: quarantine where all of them are doubtful."""
    reasons = [reason for bit, reason in enumerate(REASONS) if bits >> bit & 1]
    return "reject" if bits & ~DOUBTFUL_BITS else "quarantine", reasons
