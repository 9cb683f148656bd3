"""trigger: looks at what was published, records what fires, and delivers what is in the outbox."""

from __future__ import annotations

from infra.storage import objects
from orchestration.trigger import sinks
from orchestration.trigger.due import look, pending
from orchestration.trigger.rules import TriggerOptions
from pipelines.corpus.releases import pin_uri
from pipelines.hop import Context, Done, Hop, Run
from schemas import Release, Trigger
from schemas.arrow import rows_of
from schemas.keys import key_of
from schemas.spans import NS


def run(context: Context) -> Done:
    """The newest release -> a retraining job, when a rule says it is worth it."""
    return trigger(context.run, context.get(TriggerOptions))


HOP = Hop(
    name="trigger", doc="The newest release -> a retraining job, when a rule says it is worth it.", run=run,
    reads=("releases", "triggers"), writes=("triggers",), needs=("publish",), lease="trigger", engine="the process",
)  # fmt: skip


def trigger(run: Run, options: TriggerOptions) -> Done:
    """Fires what the releases call for and delivers the outbox, under one lease (none if idle)."""
    done = Done(HOP.name)
    events, outbox = _state(run, options)
    if not events and not (outbox and _has_sink(options)):
        _waiting(done, outbox, options)
        return done
    with run.hold(HOP.lease) as lease:
        events, _ = _state(run, options)
        lease.check()
        done.add("triggers", run.store.insert("triggers", events, run_id=run.run_id))
        done.triggers = [{"rule": e.rule, "key": e.key, "release": e.release} for e in events if e.event == "fired"]
        _, outbox = _state(run, options)
        if _has_sink(options):
            outbox = _coalesce(run, done, outbox)
            for order in outbox:
                _deliver(run, done, order, options)
        else:
            _waiting(done, outbox, options)
    return done


def _state(run: Run, options: TriggerOptions) -> tuple[list[Trigger], list[Trigger]]:
    """The events not recorded yet, and the outbox."""
    triggers = rows_of(Trigger, run.store.read("triggers"))
    releases = rows_of(Release, run.store.read("releases"))
    return look(releases, triggers, run.now_ns(), options, run.run_id), pending(triggers)


def _has_sink(options: TriggerOptions) -> bool:
    return bool(options.command or options.webhook_url)


def _waiting(done: Done, outbox: list[Trigger], options: TriggerOptions) -> None:
    if outbox and not _has_sink(options):
        done.notes.append(
            f"{len(outbox)} fired and delivered to nobody: set trigger.command or trigger.webhook_url, "
            "then run `handwheel trigger`"
        )


def _coalesce(run: Run, done: Done, outbox: list[Trigger]) -> list[Trigger]:
    """The newest of each lane; an older one that never got out is settled by a skip that names it."""
    newest = {t.lane: t for t in outbox}
    older = [t for t in outbox if t is not newest[t.lane]]
    rows = [_event(run, t, "skipped", f"never delivered; coalesced into {newest[t.lane].release}") for t in older]
    done.add("triggers", run.store.insert("triggers", rows, run_id=run.run_id))
    return list(newest.values())


def _deliver(run: Run, done: Done, fired: Trigger, options: TriggerOptions) -> None:
    """Tells every sink, then records it: a crash between the two tells them again, with the same key."""
    pin = pin_uri(run.store, fired.release)
    order = sinks.Order(
        fired.key, fired.rule, fired.lane, fired.release, pin, run.store.root, fired.reason, fired.at_ns
    )
    told = []
    try:
        if options.command:
            log = objects.join(run.store.root, "logs", "triggers", f"{fired.key}.log")
            sinks.run_command(options.command, order, log, options.command_timeout_s)
            told.append(f"command; output in {log}")
        if options.webhook_url:
            sinks.post(
                options.webhook_url, order, options.webhook_secret_env, options.webhook_timeout_s,
                lambda: run.now_ns() // NS,
            )  # fmt: skip
            told.append(options.webhook_url)
    except sinks.Undelivered as e:
        done.undelivered.append(fired.key)
        done.notes.append(f"{fired.rule} of {fired.lane} stays in the outbox: {e}, then run `handwheel trigger`")
        return
    row = _event(run, fired, "delivered", ", ".join(told))
    done.add("triggers", run.store.insert("triggers", [row], run_id=run.run_id))
    done.notes.append(f"{fired.rule} of {fired.lane} delivered: {row.reason}")


def _event(run: Run, fired: Trigger, event: str, reason: str) -> Trigger:
    return Trigger(
        trigger_id=key_of(fired.key, event), key=fired.key, event=event, rule=fired.rule, lane=fired.lane,
        release=fired.release, base=fired.base, reason=reason, at_ns=run.now_ns(), run_id=run.run_id,
    )  # fmt: skip
