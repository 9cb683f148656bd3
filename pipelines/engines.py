"""How a hop's Beam pipeline gets its runner, and a hop's actors their Ray."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from tenacity import retry, stop_after_attempt, wait_fixed

from infra.sandbox import tempdirs
from pipelines.hop import Beam, Ray
from schemas.errors import TransientError, UsageError
from schemas.hands import Resources

EMBEDDED = "apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner"

ONE_CORE = Resources()


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


def actors(ray: Ray, kind: type, *args: Any, resources: Resources = ONE_CORE) -> Any:
    """Actors of a class, as many as the settings say or the cluster has room for; Ray stays up for later hops.

    resources: what each holds. UsageError: the cluster has no room for one.
    """
    import ray as engine
    from ray.util import ActorPool

    if not engine.is_initialized():
        try:
            _connect(ray)
        except Exception as e:
            why = str(e).strip().splitlines()[:1] or [type(e).__name__]
            raise TransientError(f"Ray did not start ({why[0]}); run the same command again") from e
    room = workers_that_fit(engine.cluster_resources(), resources)
    remote: Any = engine.remote(
        num_cpus=resources.num_cpus, num_gpus=resources.num_gpus, max_restarts=2, max_task_retries=2
    )(kind)  # a class made of the class
    return ActorPool([remote.remote(*args) for _ in range(ray.workers or room)])


def workers_that_fit(cluster: Mapping[str, float], resources: Resources) -> int:
    """How many actors of these resources fit the cluster; a machine always has room for one without a GPU."""
    by_cores = int(cluster.get("CPU", 1) / resources.num_cpus)
    if not resources.num_gpus:
        return max(1, by_cores)
    by_gpus = int(cluster.get("GPU", 0) / resources.num_gpus)
    if not by_gpus:
        raise UsageError(f"a worker needs {resources.num_gpus:g} GPU and Ray has {cluster.get('GPU', 0):g}")
    return max(1, min(by_cores, by_gpus))


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
