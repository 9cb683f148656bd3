"""[trigger] of handwheel.toml: the limits of the rules, and who is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TriggerOptions:
    """The limits and who is told. The limits are our own: no team publishes numbers for them.

    Scale for the hours: 8.3 h of corrections in three rounds lifted one system from 22.5 to 62.5 %, and loss
    falls with the logarithm of hours, so a share of what the model has seen matters beside an amount.
    """

    new_hours_h: float = 5.0  # new_hours: least growth of a view in hours
    new_hours_share: float = 0.07  # new_hours: and least growth as a share of the view at the base
    new_task_episodes: int = 30  # new_task: episodes of a task the base lacks
    new_task_scenes: int = 3  # new_task: and over that many scenes, or the model learns the table
    stale_days: float = 14.0  # stale: days since the lane's last trigger
    stale_new_h: float = 1.0  # stale: and least growth of the lane in hours
    cool_down_h: float = 24.0  # least time between two triggers of a lane
    command: str | tuple[str, ...] | None = None  # {pin} {release} {root} {lane} {rule} {key} filled in per argument
    command_timeout_s: float = 3600.0  # a command that runs longer is stopped, and the trigger stays in the outbox
    webhook_url: str | None = None  # takes a signed POST; docs/triggers.md
    webhook_secret_env: str = "HANDWHEEL_WEBHOOK_SECRET"  # the variable's name; the secret itself is never in a config
    webhook_timeout_s: float = 30.0  # of one try
