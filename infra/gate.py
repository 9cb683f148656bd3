"""The door to Great Expectations: checks tables, writes its Data Docs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa

if TYPE_CHECKING:
    from great_expectations.data_context.types.base import ProgressBarsConfig

# An expectation's class name in Great Expectations and its arguments.
Expectation = tuple[str, dict[str, Any]]


def check(tables: Mapping[str, pa.Table], expected: Mapping[str, Sequence[Expectation]], docs: Path) -> dict[str, Any]:
    """Checks each table against its expectations; Data Docs go to the folder `docs`.

    Returns {"success", "expectations": [{"name", "success", "observed"}]}.
    """
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    import great_expectations.expectations as library
    from great_expectations.checkpoint.actions import UpdateDataDocsAction, ValidationAction

    context = gx.get_context(mode="ephemeral")
    # Great Expectations stores the plain dict; its annotation names the class that it reads it into.
    context.variables.progress_bars = cast("ProgressBarsConfig", {"globally": False})
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)}
    index = {"class_name": "DefaultSiteIndexBuilder"}
    context.add_data_docs_site(
        "release", {"class_name": "SiteBuilder", "store_backend": store, "site_index_builder": index}
    )
    actions: list[ValidationAction] = [UpdateDataDocsAction(name="docs", site_names=["release"])]
    source = context.data_sources.add_pandas("release")
    results = []
    for name, table in tables.items():
        batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
        rules = [getattr(library, kind)(**arguments) for kind, arguments in expected[name]]
        suite = context.suites.add(gx.ExpectationSuite(name, expectations=rules))
        validation = gx.ValidationDefinition(name=name, data=batch, suite=suite)
        validation = context.validation_definitions.add(validation)
        checkpoint = gx.Checkpoint(name=name, validation_definitions=[validation], actions=actions)
        run = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table.to_pandas()})
        for result in run.run_results.values():
            results += [_plain(name, r) for r in result.results]
    return {"success": all(r["success"] for r in results), "expectations": results}


def _plain(name: str, result: Any) -> dict[str, Any]:
    config = result.expectation_config
    column = config.kwargs.get("column") or ""
    seen = result.result or {}
    observed = seen.get("observed_value")
    if observed is None:
        observed = f"{seen.get('unexpected_count', '?')} of {seen.get('element_count', '?')} unexpected"
    return {
        "name": f"{name}: {config.type} {column}".strip(),
        "success": bool(result.success),
        "observed": str(observed),
    }
