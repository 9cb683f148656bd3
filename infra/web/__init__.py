"""The web's one face: what a URL holds now, and bounded downloads that resume and never reach a private address."""

from infra.web.client import Client
from infra.web.host_limits import RetryNextRun
from infra.web.limits import FetchLimits
from infra.web.net import Net
from infra.web.revision import Document, Download, ServedRevision
from infra.web.session import Memory
from infra.web.urls import redacted_url

__all__ = [
    "Client",
    "Document",
    "Download",
    "FetchLimits",
    "Memory",
    "Net",
    "RetryNextRun",
    "ServedRevision",
    "redacted_url",
]
