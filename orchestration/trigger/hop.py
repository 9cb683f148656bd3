"""trigger: judges what was published, records what fires, and delivers what is in the outbox."""

from __future__ import annotations

from collections.abc import Sequence

from orchestration.trigger.due import due_events, pending
from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.sinks import sinks_of
from orchestration.trigger.sinks.base import Event, Sink, Undelivered
from pipelines.corpus.releases import pin_uri
from pipelines.hop import Context, Done, Hop, Run
from schemas import Release, Trigger
from schemas.arrow import rows_of
from schemas.keys import key_of


def run(context: Context) -> Done:
    """Call for retraining on the newest release, lane by lane, where a rule is met."""
    options = context.get(TriggerOptions)
    return trigger(context.run, options, sinks_of(options))


HOP = Hop(
    name="trigger", doc="Call for retraining on the newest release, lane by lane, where a rule is met.", run=run,
    reads=("releases", "triggers"), writes=("triggers",), needs=("publish",), lease="trigger", engine="the process",
)  # fmt: skip


def trigger(run: Run, options: TriggerOptions, sinks: Sequence[Sink]) -> Done:
    """Fires what the releases call for and delivers the outbox, under one lease (none if idle)."""
    done = Done(HOP.name)
    due, outbox = read_state(run, options)
    if not due and not (outbox and sinks):
        _note_waiting(done, outbox)
        return done
    with run.hold(HOP.lease) as lease:
        due, _ = read_state(run, options)
        lease.check()
        done.add("triggers", run.store.insert("triggers", due, run_id=run.run_id))
        done.triggers = [{"rule": t.rule, "key": t.key, "release": t.release} for t in due if t.event == "fired"]
        _, outbox = read_state(run, options)
        if not sinks:
            _note_waiting(done, outbox)
            return done
        for shot in _coalesce(run, done, outbox):
            _deliver(run, done, shot, sinks)
    return done


def read_state(run: Run, options: TriggerOptions) -> tuple[list[Trigger], list[Trigger]]:
    """The events that are due and not recorded yet, and the outbox."""
    triggers = rows_of(Trigger, run.store.read("triggers"))
    releases = rows_of(Release, run.store.read("releases"))
    return due_events(releases, triggers, run.now_ns(), options, run.run_id), pending(triggers)


def _note_waiting(done: Done, outbox: Sequence[Trigger]) -> None:
    """Says what waits where no sink is configured."""
    if outbox:
        done.notes.append(
            f"{len(outbox)} fired and delivered to nobody: set trigger.command or trigger.webhook_url, "
            "then run `handwheel trigger`"
        )


def _coalesce(run: Run, done: Done, outbox: Sequence[Trigger]) -> list[Trigger]:
    """The newest of each lane; an older one that never got out is settled by a skip that names it."""
    newest = {t.lane: t for t in outbox}
    older = [t for t in outbox if t is not newest[t.lane]]
    rows = [_settled(run, t, "skipped", f"never delivered; coalesced into {newest[t.lane].release}") for t in older]
    done.add("triggers", run.store.insert("triggers", rows, run_id=run.run_id))
    return list(newest.values())


def _deliver(run: Run, done: Done, shot: Trigger, sinks: Sequence[Sink]) -> None:
    """Tells every sink, then records it: a crash between the two tells them again, with the same key."""
    event = Event(
        key=shot.key, rule=shot.rule, lane=shot.lane, release=shot.release, pin=pin_uri(run.store, shot.release),
        root=run.store.root, reason=shot.reason, at_ns=shot.at_ns,
    )  # fmt: skip
    try:
        places = [sink.deliver(event) for sink in sinks]
    except Undelivered as e:
        done.undelivered.append(shot.key)
        done.notes.append(f"{shot.rule} of {shot.lane} stays in the outbox: {e}, then run `handwheel trigger`")
        return
    row = _settled(run, shot, "delivered", ", ".join(places))
    done.add("triggers", run.store.insert("triggers", [row], run_id=run.run_id))
    done.notes.append(f"{shot.rule} of {shot.lane} delivered: {row.reason}")


def _settled(run: Run, shot: Trigger, event: str, reason: str) -> Trigger:
    """The row that takes a fired trigger out of the outbox."""
    return Trigger(
        trigger_id=key_of(shot.key, event), key=shot.key, event=event, rule=shot.rule, lane=shot.lane,
        release=shot.release, base=shot.base, reason=reason, at_ns=run.now_ns(), run_id=run.run_id,
    )  # fmt: skip
