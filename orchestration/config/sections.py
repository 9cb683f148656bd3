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

    ingest_cron: str = "0 2 * * *"  # when the schedule runs ingest to trigger: a cron line
    enabled: bool = False  # whether schedule and sensors run from the start; else they are switched on in the page


class Config(Strict):
    """The whole of handwheel.toml."""

    root: str = "corpus"  # the corpus: a folder or s3://bucket/prefix
    salt_env: str = "HANDWHEEL_SALT"  # names the variable that salts wearer, robot and site ids
    lease_wait_s: float = 0.0  # how long a hop waits for another run that holds its lease; 0: it is refused at once
    source: tuple[Source, ...] = ()  # [[source]]: recordings; docs/sources.md
    robot: tuple[RobotSource, ...] = ()  # [[robot]]: robot logs; docs/sources.md
    ingest: IngestOptions = IngestOptions()
    detect: DetectOptions = DetectOptions()
    policy: Policy = Field(default_factory=lambda: Policy(detector=detector_version()))
    captions: CaptionOptions = CaptionOptions()
    publish: PublishOptions = PublishOptions()
    trigger: TriggerOptions = TriggerOptions()
    engines: Engines = Engines()
    schedule: Schedule = Schedule()
