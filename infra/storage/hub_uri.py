"""URIs of data sets on the Hugging Face Hub: hf://datasets/org/name@revision/path, by huggingface_hub's own grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from schemas.errors import UsageError

PREFIX = "hf://"
DEFAULT_REVISION = "main"
# refs/pr/<n> and refs/convert/<name> are the two revisions that are written with their slashes; in others it is %2F.
URI = re.compile(
    r"(?P<root>hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:convert/[\w.-]+|pr/\d+)|[^/@]+))?)"
    r"(?:/(?P<path>.*))?",
    re.ASCII | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a data set. root: the URI's part before the path, as it is written; path: without outer slashes."""

    root: str
    repo: str
    revision: str
    path: str

    @property
    def uri(self) -> str:
        """The place's own URI."""
        return self.uri_of(self.path) if self.path else self.root

    def uri_of(self, path: str) -> str:
        """The URI of a file of the data set."""
        return f"{self.root}/{path}"


def is_hub(uri: str) -> bool:
    """Whether the URI names something on the Hub."""
    return uri.startswith(PREFIX)


def split_uri(uri: str) -> Place:
    """The URI's parts; without a revision it is the branch main. UsageError: it names no data set."""
    match = URI.fullmatch(uri)
    if match is None:
        raise UsageError(f"{uri}: a URI of the Hub is hf://datasets/org/name@revision, and a path below it")
    return Place(
        root=match["root"],
        repo=match["repo"],
        revision=unquote(match["revision"] or DEFAULT_REVISION),
        path=(match["path"] or "").strip("/"),
    )
