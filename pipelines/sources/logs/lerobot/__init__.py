"""LeRobot data sets, v2.0, v2.1 and v3.0."""

from pipelines.sources.logs.lerobot.places import list_logs
from pipelines.sources.logs.lerobot.reader import KIND, read

__all__ = ["KIND", "list_logs", "read"]
