"""The door to OpenTelemetry: seconds and rows of every hop, to where OpenTelemetry's own environment says.

OTEL_METRICS_EXPORTER=console prints them to stderr when the command ends; `otlp` sends them where
OTEL_EXPORTER_OTLP_ENDPOINT says and wants the package opentelemetry-exporter-otlp-proto-http. Unset: nothing.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram
    from opentelemetry.sdk.metrics.export import MetricExporter


@functools.cache
def _instruments() -> tuple[Histogram, Counter] | None:
    """Of seconds and of rows; None where no exporter is asked for."""
    kind = os.environ.get("OTEL_METRICS_EXPORTER", "none")
    if kind not in ("console", "otlp"):
        return None
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, PeriodicExportingMetricReader

    exporter: MetricExporter = ConsoleMetricExporter(out=sys.stderr)
    if kind == "otlp":
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

        exporter = OTLPMetricExporter()
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(exporter)]))
    meter = metrics.get_meter("handwheel")
    return meter.create_histogram("handwheel.hop", "s"), meter.create_counter("handwheel.rows")


@contextmanager
def measure_hop(hop: str, run_id: str) -> Iterator[Callable[[Mapping[str, int]], None]]:
    """Times a hop in seconds; the yielded function takes the rows it added by table."""
    rows: dict[str, int] = {}
    began_s = time.monotonic()
    try:
        yield rows.update
    finally:
        if (instruments := _instruments()) is not None:
            histogram, counter = instruments
            histogram.record(time.monotonic() - began_s, {"hop": hop, "run_id": run_id})
            for table, count in rows.items():
                counter.add(count, {"hop": hop, "table": table})
