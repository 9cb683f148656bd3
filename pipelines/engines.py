"""How a hop's Beam pipeline gets its runner, and a hop's actors their Ray."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tenacity import retry, stop_after_attempt, wait_fixed

from infra.sandbox import tempdirs
from pipelines.hop import Beam, Ray
from schemas.errors import TransientError

EMBEDDED = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"


def beam_options(beam: Beam) -> Any:
    """Beam's PipelineOptions: embedded on all cores, or any portable runner by its flags."""
    from apache_beam.options.pipeline_options import PipelineOptions

    if beam.runner != "embedded":
        return PipelineOptions([f"--runner={beam.runner}", *beam.flags])
    workers = beam.workers or os.cpu_count() or 1
    return PipelineOptions(
        [
            f"--runner={EMBEDDED}",
            "--direct_running_mode=multi_threading",
            f"--direct_num_workers={workers}",
            *beam.flags,
        ]
    )


@contextmanager
def pipeline(beam: Beam) -> Iterator[Any]:
    """A Beam pipeline, run at the end of the block. Its own folder lies in our scratch, so that a kill leaves none."""
    import apache_beam

    with tempdirs.folder("beam") as folder:
        made = apache_beam.Pipeline(options=beam_options(beam))
        os.rmdir(made.local_tempdir)
        made.local_tempdir = str(folder)
        with made:
            yield made


def actors(ray: Ray, kind: type, *args: Any) -> Any:
    """A pool of actors of a class, as many as the settings or the cluster's cores say. Ray stays up for later hops."""
    import ray as engine
    from ray.util import ActorPool

    if not engine.is_initialized():
        try:
            _connect(ray)
        except Exception as e:
            why = str(e).strip().splitlines()[:1] or [type(e).__name__]
            raise TransientError(f"Ray did not start ({why[0]}); run the same command again") from e
    workers = ray.workers or int(engine.cluster_resources().get("CPU", 1))
    remote: Any = engine.remote(num_cpus=1, max_restarts=2, max_task_retries=2)(kind)  # a class made of the class
    return ActorPool([remote.remote(*args) for _ in range(workers)])


@retry(stop=stop_after_attempt(3), wait=wait_fixed(2), reraise=True)
def _connect(ray: Ray) -> None:
    """Starts Ray here, or joins the cluster."""
    import logging

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # room for a busy machine
    import ray as engine

    warnings.filterwarnings("ignore", "lance is not fork-safe")  # Ray's own children exec at once
    here: dict[str, Any] = {"object_store_memory": ray.object_store_mb << 20, "include_dashboard": False}
    try:
        engine.init(
            address=None if ray.address == "local" else ray.address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **(here if ray.address == "local" else {}),
        )
    except BaseException:
        engine.shutdown()
        raise
