"""The sections of handwheel.toml: each is the option class of its room."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from filters.policies.policy import Policy
from orchestration.trigger.options import TriggerOptions
from pipelines.caption.options import CaptionOptions
from pipelines.detect.detectors import detector_version
from pipelines.detect.hop import DetectOptions
from pipelines.hop import Beam, Ray
from pipelines.publish.selection import PublishOptions
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions


class Strict(BaseModel):
    """A section: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Engines(Strict):
    """[engines.beam] and [engines.ray]."""

    beam: Beam = Beam()
    ray: Ray = Ray()


class Schedule(Strict):
    """When the hops run by themselves under `handwheel serve`."""

    ingest_cron: str = "0 2 * * *"


class Config(Strict):
    """The whole of handwheel.toml."""

    root: str = "corpus"
    salt_env: str = "HANDWHEEL_SALT"  # names the variable that salts wearer, robot and site ids
    lease_wait_s: float = 0.0
    source: tuple[Source, ...] = ()
    robot: tuple[RobotSource, ...] = ()
    ingest: IngestOptions = IngestOptions()
    detect: DetectOptions = DetectOptions()
    policy: Policy = Field(default_factory=lambda: Policy(detector=detector_version()))
    captions: CaptionOptions = CaptionOptions()
    publish: PublishOptions = PublishOptions()
    trigger: TriggerOptions = TriggerOptions()
    engines: Engines = Engines()
    schedule: Schedule = Schedule()
