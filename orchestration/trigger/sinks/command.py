"""A command as a sink: run without a shell, its output in a log below the root."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from infra.storage import objects
from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.sinks.base import Event, Undelivered
from schemas.errors import UsageError

TAIL_BYTES = 4096
LINE_CHARACTERS = 200
FIELD = re.compile(r"\{(pin|release|root|lane|rule|key)\}")


@dataclass(frozen=True, slots=True)
class CommandSink:
    """Runs a command to its end.

    HANDWHEEL_TRIGGER_KEY in its environment tells a second delivery of the same event from a new one.
    """

    command: str | Sequence[str]
    timeout_s: float

    def deliver(self, event: Event) -> str:
        """Where the output is. Undelivered unless the command exits 0."""
        words = arguments(self.command, event)
        log_uri = objects.join(event.root, "logs", "triggers", f"{event.key}.log")
        with _log(log_uri) as log:
            begin = log.seek(0, os.SEEK_END)  # behind what an earlier try wrote
            try:
                code = _run(words, os.environ | {"HANDWHEEL_TRIGGER_KEY": event.key}, log, self.timeout_s)
            except OSError as e:
                raise Undelivered(f"{words[0]}: {e.strerror or e}; mend trigger.command") from e
            except subprocess.TimeoutExpired as e:
                limit = f"ran past trigger.command_timeout_s = {self.timeout_s:g} s and was ended"
                raise Undelivered(f"{words[0]} {limit}{_last_line(log, begin)}; its output: {log_uri}") from e
            last_line = _last_line(log, begin)
        if code:
            raise Undelivered(f"{words[0]} exited {code}{last_line}; its output: {log_uri}")
        return f"command; output in {log_uri}"


def sink_of(options: TriggerOptions) -> CommandSink | None:
    """The sink of `trigger.command`."""
    return CommandSink(options.command, options.command_timeout_s) if options.command else None


def arguments(command: str | Sequence[str], event: Event) -> list[str]:
    """The command's words; {pin} and its like are filled in after splitting, so a path may hold spaces."""
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as e:
        raise UsageError(f"trigger.command is not a command line ({e}): {command}; quote it as in a shell") from e
    if not words:
        raise UsageError("trigger.command is empty; leave it out, or name a program")
    values = {name: str(value) for name, value in asdict(event).items()}
    return [FIELD.sub(lambda match: values[match[1]], word) for word in words]


def _run(words: list[str], env: Mapping[str, str], log: IO[bytes], timeout_s: float) -> int:
    """Exit code. The command's whole process group ends with a timeout or with us."""
    child = subprocess.Popen(
        words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        return child.wait(timeout_s)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise


@contextmanager
def _log(uri: str) -> Iterator[IO[bytes]]:
    """A file at the URI, readable while it grows where it is local."""
    if not objects.is_s3(uri):
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
        with open(uri, "a+b") as log:
            yield log
        return
    with tempfile.TemporaryFile() as log:
        try:
            yield log
        finally:
            log.seek(0)
            objects.put(uri, log.read())


def _last_line(log: IO[bytes], begin: int) -> str:
    """`: <the last line of the output>`, which begins at an offset of the log; nothing where there is none."""
    log.seek(max(begin, log.seek(0, os.SEEK_END) - TAIL_BYTES))
    lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
    return f": {lines[-1].strip()[:LINE_CHARACTERS]}" if lines else ""
