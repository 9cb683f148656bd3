"""What the rules call for and what is still to be delivered, from the log of events. Pure; `hop.py` acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.rules import HOUR_NS, RULES, VERSION, Base, ReleaseFacts, facts_of, lanes, stamp
from schemas import Release, Trigger
from schemas.keys import key_of


def due_events(
    releases: Sequence[Release],
    triggers: Sequence[Trigger],
    now_ns: int,
    options: TriggerOptions,
    run_id: str,
) -> list[Trigger]:
    """Events that these facts call for, not recorded yet: at most one firing a lane, and the skips.

    A second call with the same facts gives nothing, whatever the clock, but for a rule that time made true.
    """
    if not releases:
        return []
    facts = {r.name: facts_of(r) for r in releases}
    newest = max(facts.values(), key=lambda f: (f.created_ns, f.release_id))
    known = {t.trigger_id for t in triggers}
    events: list[Trigger] = []
    for lane in lanes(newest):
        base = _base_of(lane, facts, triggers)
        if base is None or base.facts.release_id != newest.release_id:
            events += _judge(lane, base, newest, now_ns, options, run_id)
    return [e for e in events if e.trigger_id not in known]


def pending(triggers: Sequence[Trigger]) -> list[Trigger]:
    """The outbox: what fired and was neither delivered nor coalesced into a newer one, oldest first."""
    settled = {t.key for t in triggers if t.event != "fired"}
    return sorted((t for t in triggers if t.event == "fired" and t.key not in settled), key=lambda t: (t.at_ns, t.key))


def _base_of(lane: str, facts: Mapping[str, ReleaseFacts], triggers: Sequence[Trigger]) -> Base | None:
    fired = [t for t in triggers if t.lane == lane and t.event == "fired"]
    if not fired:
        return None
    last = max(fired, key=lambda t: (t.at_ns, t.key))
    return Base(facts[last.release], last.at_ns)


def _judge(
    lane: str, base: Base | None, newest: ReleaseFacts, now_ns: int, options: TriggerOptions, run_id: str
) -> list[Trigger]:
    """Every rule's event. A skip's bucket says why, so that its key is not the firing's."""
    events: list[Trigger] = []
    winner: str | None = None
    for rule, judge in RULES:
        if (ruling := judge(lane, base, newest, now_ns, options)) is None:
            continue
        bucket, reason = "fired", ruling.reason
        cool_ns = base.fired_ns + int(options.cool_down_h * HOUR_NS) if base else now_ns
        if not ruling.fired:
            bucket = "unmet"
        elif winner is not None:
            bucket, reason = "coalesced", f"{reason}; coalesced into {winner}"
        elif now_ns < cool_ns:
            bucket, reason = "cool_down", f"{reason}; met, but {lane} cools down until {stamp(cool_ns)}"
        else:
            winner = rule
        base_id = base.facts.release_id if base else None
        key = key_of(rule, VERSION, base_id, newest.release_id, f"{lane}/{bucket}")
        event = "fired" if bucket == "fired" else "skipped"
        events.append(
            Trigger(
                trigger_id=key_of(key, event), key=key, event=event, rule=rule, lane=lane,
                release=newest.name,
                base=base.facts.name if base else None, reason=reason, at_ns=now_ns, run_id=run_id,
            )
        )  # fmt: skip
    return events
