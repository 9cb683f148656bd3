"""Dagster's side: the graph, the checks, the schedule, the sensors, runs in process."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

dg = pytest.importorskip("dagster")

from infra.storage.tables import Store  # noqa: E402
from orchestration import turn  # noqa: E402
from orchestration.config import Config, load  # noqa: E402
from orchestration.dagster_app import assets  # noqa: E402
from orchestration.dagster_app.definitions import build, listing_digest  # noqa: E402
from orchestration.dagster_app.serve import home, prepare  # noqa: E402
from pipelines.hop import Context, Done, Hop  # noqa: E402
from schemas.errors import GateRefused, LeaseHeld  # noqa: E402
from tests.support.triggers import release  # noqa: E402

EDGES = {
    "ingest": set(), "fold": set(), "dedup": {"ingest"}, "detect": {"ingest", "fold"},
    "filter": {"detect"}, "caption": {"filter"}, "publish": {"caption", "fold", "dedup"}, "trigger": {"publish"},
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "logs").mkdir()
    path = tmp_path / "handwheel.toml"
    path.write_text(
        'root = "corpus"\n[[robot]]\nkind = "plain_log"\nuri = "logs"\n[schedule]\ningest_cron = "5 4 * * *"\n'
    )
    return load(path, [], None)


@pytest.fixture
def instance() -> Iterator[Any]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def tick(config: Config, name: str, instance: Any) -> list[Any] | str:
    """One evaluation of a sensor: its run requests, or why there are none."""
    definitions = build(config)
    (sensor,) = [s for s in definitions.sensors if s.name == name]
    found = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=definitions, sensor_name=name))
    return list(found.run_requests) if found.run_requests else str(found.skip_message)


def test_every_hop_is_an_asset_in_its_place(config: Config) -> None:
    definitions = build(config)
    dg.Definitions.validate_loadable(definitions)
    graph = definitions.resolve_asset_graph()
    found = {
        key.to_user_string(): {p.to_user_string() for p in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    assert found == EDGES
    assert found == {hop.name: set(hop.needs) for hop in turn.HOPS}
    order = [hop.name for hop in turn.HOPS]
    assert all(order.index(a) < order.index(hop.name) for hop in turn.HOPS for a in hop.needs)
    checks = {c.to_user_string() for c in graph.asset_check_keys}
    assert checks == {"publish:gate", "filter:books_balance"}


@pytest.mark.slow
def test_a_history_with_assets_of_old_names_does_no_harm(config: Config, tmp_path: Path) -> None:
    """An instance that ran an earlier version knows assets that no hop makes any more; it shows them and goes on."""
    (tmp_path / "history").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "history")) as instance:
        for name in ("look", "keep"):
            instance.report_runless_asset_event(dg.AssetMaterialization(name))
        assert "no robot logs" in tick(config, "logs", instance)
        done = build(config).resolve_job_def("fire").execute_in_process(instance=instance)
        assert done.success
        known = {key.to_user_string() for key in instance.get_asset_keys()}
        assert known == {"look", "keep", "trigger"}


def test_schedule_is_the_configs_and_off(config: Config) -> None:
    (schedule,) = build(config).schedules
    assert (schedule.name, schedule.cron_schedule) == ("ingest", "5 4 * * *")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    assert Config().schedule.ingest_cron == "0 2 * * *"


def test_the_config_switches_schedule_and_sensors_on(config: Config) -> None:
    on = build(config.model_copy(update={"schedule": config.schedule.model_copy(update={"enabled": True})}))
    assert [s.default_status for s in on.schedules] == [dg.DefaultScheduleStatus.RUNNING]
    assert [s.default_status for s in on.sensors] == [dg.DefaultSensorStatus.RUNNING] * 2
    assert [s.default_status for s in build(config).sensors] == [dg.DefaultSensorStatus.STOPPED] * 2


@pytest.mark.slow
def test_the_log_sensor_asks_once_for_a_listing(config: Config, tmp_path: Path, instance: Any) -> None:
    assert "no robot logs" in tick(config, "logs", instance)
    (tmp_path / "logs" / "a.json").write_text("{}")
    (first,) = tick(config, "logs", instance)
    (again,) = tick(config, "logs", instance)
    assert first.run_key == again.run_key == listing_digest([str(tmp_path / "logs")])[0]
    (tmp_path / "logs" / "b.json").write_text("{}")
    (grown,) = tick(config, "logs", instance)
    (tmp_path / "logs" / "b.json").write_text("{ }")
    (changed,) = tick(config, "logs", instance)
    assert len({first.run_key, grown.run_key, changed.run_key}) == 3


def test_the_log_sensors_job_runs_from_fold_on(config: Config) -> None:
    definitions = build(config)
    steps = {
        name: {n.name for n in definitions.resolve_job_def(name).all_node_defs} for name in ("logs", "media", "fire")
    }
    assert {"fold", "trigger", "publish"} <= steps["logs"]
    assert "ingest" not in steps["logs"]
    assert "fold" not in steps["media"]
    assert steps["fire"] == {"trigger"}


def test_the_trigger_sensor_asks_for_what_is_due_by_its_key(config: Config, instance: Any) -> None:
    assert "no rule is met" in tick(config, "triggers", instance)
    store = Store(config.root)
    store.insert("releases", [release(1, {"wm_ego": 1.0})], run_id="test")
    (due,) = tick(config, "triggers", instance)
    fired = turn.run_hop(turn.hop_named("trigger"), turn.context_of(config))
    assert due.run_key == fired.triggers[0]["key"]
    (waiting,) = tick(config, "triggers", instance)
    assert waiting.run_key == due.run_key
    told = config.model_copy(update={"trigger": type(config.trigger)(command=("true",))})
    turn.run_hop(turn.hop_named("trigger"), turn.context_of(told))
    assert "outbox is empty" in tick(config, "triggers", instance)


def test_a_trigger_asset_says_what_it_did(config: Config, instance: Any) -> None:
    store = Store(config.root)
    store.insert("releases", [release(1, {"wm_ego": 1.0})], run_id="test")
    result = dg.materialize([assets.asset(turn.hop_named("trigger"), config)], instance=instance)
    (event,) = result.asset_materializations_for_node("trigger")
    assert event.metadata["rows"].value == 1
    assert "| triggers | 1 |" in event.metadata["added"].value
    assert "delivered to nobody" in event.metadata["notes"].value
    assert event.tags["dagster/data_version"] == f"triggers:{store.version('triggers')}"
    again = dg.materialize([assets.asset(turn.hop_named("trigger"), config)], instance=instance)
    assert again.asset_materializations_for_node("trigger")[0].metadata["added"].value == "nothing new"


def test_a_refused_delivery_fails_the_asset(config: Config, instance: Any) -> None:
    Store(config.root).insert("releases", [release(1, {"wm_ego": 1.0})], run_id="test")
    deaf = config.model_copy(update={"trigger": type(config.trigger)(command=("false",))})
    result = dg.materialize([assets.asset(turn.hop_named("trigger"), deaf)], instance=instance, raise_on_error=False)
    assert not result.success
    assert "false exited 1" in result.failure_data_for_node("trigger").user_failure_data.description


def standing_in(monkeypatch: pytest.MonkeyPatch, *outcomes: Exception | None) -> Hop:
    """Publish does as told, once each: raises, or says that there is nothing new."""
    left = list(outcomes)

    def run(context: Context) -> Done:
        if (error := left.pop(0)) is not None:
            if isinstance(error, GateRefused):
                write_gate(Path(context.run.store.root) / "refused" / context.run.run_id, False)
            raise error
        return Done("publish")

    hop = dataclasses.replace(turn.hop_named("publish"), run=run)
    monkeypatch.setattr(turn, "HOPS", tuple(hop if h.name == hop.name else h for h in turn.HOPS))
    return hop


def write_gate(folder: Path, success: bool) -> None:
    folder.mkdir(parents=True)
    expectations = [{"name": "wm_ego: unique clip_id", "success": success, "observed": "2 of 9"}]
    (folder / "summary.json").write_text(json.dumps({"success": success, "expectations": expectations}))


def test_a_held_lease_is_tried_again(config: Config, instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "RETRY_S", 0)
    step = assets.asset(standing_in(monkeypatch, LeaseHeld("held"), None), config)
    result = dg.materialize([step], instance=instance)
    assert result.retry_attempts_for_node("publish") == 1


def test_a_refusing_gate_fails_the_asset_and_its_check(
    config: Config, instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = assets.asset(standing_in(monkeypatch, GateRefused("1 expectation failed")), config)
    result = dg.materialize([step], instance=instance, raise_on_error=False)
    assert result.failure_data_for_node("publish").user_failure_data.description == "1 expectation failed"
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, check.description) == ("gate", False, "1 expectation failed")
    assert "| wm_ego: unique clip_id | False | 2 of 9 |" in check.metadata["expectations"].value


def test_the_newest_releases_gate_is_the_check(config: Config, instance: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    step = assets.asset(standing_in(monkeypatch, None, None), config)
    (check,) = dg.materialize([step], instance=instance).get_asset_check_evaluations()
    assert check.description == "nothing is published yet"
    one = release(1, {"wm_ego": 1.0})
    Store(config.root).insert("releases", [one], run_id="test")
    write_gate(Path(config.root) / "releases" / one.name / "gate", True)
    (check,) = dg.materialize([step], instance=instance).get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "2026-11-21.1")
    assert "| wm_ego: unique clip_id | True | 2 of 9 |" in check.metadata["expectations"].value


def test_serve_keeps_dagster_quiet_and_gives_it_the_resolved_config(config: Config) -> None:
    environment = prepare(config)
    folder = Path(environment["DAGSTER_HOME"])
    assert folder == home(config) == Path(config.root) / "dagster"
    assert "telemetry:\n  enabled: false" in (folder / "dagster.yaml").read_text()
    resolved = Path(environment["HANDWHEEL_CONFIG"])
    assert Config.model_validate_json(resolved.read_bytes()) == config
