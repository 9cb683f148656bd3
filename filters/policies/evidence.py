"""What a verdict rests on, for people: each value beside the policy's limit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from filters import hand_spans, licences
from filters.policies.clip_gates import GATES, REASONS
from filters.policies.policy import FIELD_OF, Policy
from schemas import Decision
from schemas.spans import NS

NOT_LOOKED_AT = {
    "no_calibration": "a robot's hands are never looked for",
    "not_sampled": "its pictures were not looked at for hands: run `handwheel detect`, then `handwheel filter`",
}


GATED = frozenset(REASONS)


@dataclass(frozen=True, slots=True)
class Measure:
    """A clip's value and the limit on it. value: None where it was not measured, which breaks no limit."""

    name: str  # the policy's field
    value: float | None
    limit: float
    is_least: bool
    is_broken: bool

    def text(self) -> str:
        """`sharpness 3.1 (at least 6)`."""
        value = "not measured" if self.value is None else f"{_rounded(self.value)}{self._unit}"
        return f"{self._noun} {value} (at {self._sense} {_rounded(self.limit)}{self._unit})"

    def sentence(self) -> str:
        """Of a limit that is broken: `sharpness is 3.1; min_sharpness asks for at least 6`."""
        value = "unknown" if self.value is None else f"{_rounded(self.value)}{self._unit}"
        return f"{self._noun} is {value}; {self.name} asks for at {self._sense} {_rounded(self.limit)}{self._unit}"

    @property
    def _sense(self) -> str:
        return "least" if self.is_least else "most"

    @property
    def _noun(self) -> str:
        noun = self.name.removeprefix("min_").removeprefix("max_")
        return ("length" if noun == "clip_s" else noun).removesuffix("_s").replace("_", " ")

    @property
    def _unit(self) -> str:
        return " s" if self.name.endswith("_s") else ""


@dataclass(frozen=True, slots=True)
class HandsSeen:
    """Samples of a span, how many show a hand, and the strongest contact of any hand; None: not measured."""

    samples: int
    with_hand: int
    contact: float | None


def measures_of(clip: pa.Table, policy: Policy) -> list[Measure]:
    """Every gate's value and limit. clip: one row with the columns of schemas.Clip."""
    measures = []
    for gate in GATES:
        value, limit = float(gate.values(clip)[0]), policy.limit(gate)
        is_broken = bool(gate.broken_by(clip, limit)[0])
        known = None if np.isnan(value) else value
        measures.append(Measure(FIELD_OF[gate], known, limit, gate.compare is np.less, is_broken))
    return measures


def hands_seen(hands: pa.Table, clip: tuple[int, int], span: tuple[int, int]) -> HandsSeen:
    """What a detector saw in a span [start_ns, end_ns). hands: one row of schemas.Hands; clip: its start and end."""
    start_ns, end_ns = (np.array([t], np.int64) for t in clip)
    tracks = hand_spans.tracks_of(hands, start_ns, end_ns, np.array([True]))
    times = np.minimum(tracks.t_ns, clip[1] - 1)  # a sample at its clip's very end belongs to the last span
    inside = (span[0] <= times) & (times < span[1])
    contact = tracks.contact[inside]
    strongest = float(np.nanmax(contact)) if (~np.isnan(contact)).any() else None
    return HandsSeen(int(inside.sum()), int((tracks.count[inside] > 0).sum()), strongest)


def sentence_of(decision: Decision, measures: list[Measure], hands: HandsSeen | None, policy: Policy) -> str:
    """Why the span has its verdict. hands: None where nobody looked."""
    broken = [m.sentence() for m in measures if m.is_broken]
    reasons = decision.reasons
    if refused := [r for r in reasons if r in licences.REASONS]:
        words = f"licence {decision.licence!r}" if decision.licence else "no licence is stated"
        broken.insert(0, f"{words}: {', '.join(refused)} for {policy.purpose}")
    if broken and GATED.intersection(reasons):
        return "; ".join(broken)
    if hands is None or NOT_LOOKED_AT.keys() & set(reasons):
        return "; ".join(NOT_LOOKED_AT.get(r, r) for r in reasons)
    return _of_hands(reasons[0] if reasons else "", hands, decision, policy)


def _of_hands(reason: str, hands: HandsSeen, decision: Decision, policy: Policy) -> str:
    show = "shows" if hands.with_hand == 1 else "show"
    samples = f"{hands.with_hand} of {hands.samples} samples {show} a hand"
    contact = "" if hands.contact is None else f"strongest contact {hands.contact:.2f}"
    if reason == "contact_unmeasured":
        return f"{samples}; whether they handle something could not be measured"
    if reason in ("no_contact", "weak_contact"):
        doubt = f", {policy.min_weak_contact:g} to be looked at again" if reason == "no_contact" else ""
        return f"{samples}; {contact}, {policy.min_contact:g} is needed{doubt}"
    if reason == "brief_hands" and hands.with_hand >= policy.min_hand_samples:
        length_s = (decision.end_ns - decision.start_ns) / NS
        return (
            f"{samples}, in {length_s:.1f} s; a run of {policy.min_hand_samples} over {policy.min_span_s:g} s is needed"
        )
    if reason in ("no_hands", "brief_hands"):
        return f"{samples}; {policy.min_hand_samples} are needed"
    if hands.contact is None or hands.contact < policy.min_contact:  # a long run is cut in parts
        return f"{samples}, in a longer stretch in which they reach contact {policy.min_contact:g}"
    return f"{samples}; {contact}, {policy.min_contact:g} is needed"


def _rounded(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
