"""A small Hub on this machine: the questions that the engine asks of the real one, answered over HTTP.

After the Hub's own API (huggingface.co/docs/hub/api): `revision`, `auth-check`, `tree` by pages with a `Link` header,
`paths-info`, and `resolve`, which leads LFS files to a storage of another origin, and others by a relative redirect to
its cache. Errors carry `X-Error-Code`.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pytest

from infra.storage import hub_files, resumable
from tests.support.web_server import Server

Files = dict[str, bytes]
SUFFIXES = (".mp4", ".parquet", ".tar", ".hdf5")  # kept by LFS


def commit_of(files: Files, seed: str = "") -> str:
    """A commit's id: of its files."""
    told = json.dumps([seed, *sorted((p, hashlib.sha256(b).hexdigest()) for p, b in files.items())])
    return hashlib.sha1(told.encode()).hexdigest()


def blob_id(data: bytes) -> str:
    """git's id of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(slots=True)
class Repo:
    """A data set: files by commit, commits by branch or tag. token: who may see it; gated: who may read it."""

    commits: dict[str, Files] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    token: str | None = None
    gated: bool = False

    def push(self, files: Files, ref: str = "main") -> str:
        """A commit at the head of a branch."""
        commit = commit_of(files)
        self.commits[commit] = dict(files)
        self.refs[ref] = commit
        return commit

    def push_folder(self, folder: Path, ref: str = "main", below: str = "") -> str:
        """A folder's files as a commit."""
        paths = sorted(p for p in folder.rglob("*") if p.is_file())
        return self.push({below + p.relative_to(folder).as_posix(): p.read_bytes() for p in paths}, ref)


@dataclass(slots=True)
class Hub:
    """The server's state, and what it was asked.

    fault: an answer to a request instead of the true one, or None. cuts: after how many bytes the storage hangs up, the
    next one for each answer.
    """

    url: str = ""
    storage: str = ""
    repos: dict[str, Repo] = field(default_factory=dict)
    page: int = 1000
    asked: list[tuple[str, str]] = field(default_factory=list)  # method and path
    tokens_at_storage: list[str | None] = field(default_factory=list)
    served: list[str] = field(default_factory=list)  # paths of files whose bytes were sent
    cuts: list[int] = field(default_factory=list)
    fault: Callable[[str, str], tuple[int, dict[str, str], bytes] | None] = lambda method, path: None

    def repo(self, name: str = "org/set") -> Repo:
        """The data set of that name, made where there is none."""
        return self.repos.setdefault(name, Repo())


class Refused(Exception):
    """An error status with the Hub's code for it."""

    def __init__(self, status: int, code: str = "") -> None:
        super().__init__(status, code)
        self.status, self.code = status, code


@dataclass(slots=True)
class Reply:
    """An answer; of `data` that part is sent which a Range asks for."""

    status: int = 200
    data: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    cut: int | None = None


@contextmanager
def serving_hub() -> Iterator[Hub]:
    """A Hub and its storage, each at a port of its own; the environment names it and no token."""
    hub = Hub()
    servers = [Server(("127.0.0.1", 0), handler_of(hub, answer)) for answer in (answer_api, answer_storage)]
    hub.url, hub.storage = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    threads = [threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}) for server in servers]
    for thread in threads:
        thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_ENDPOINT", hub.url)
        patch.delenv("HF_TOKEN", raising=False)
        patch.setattr(resumable, "MAX_BACKOFF_S", 0.01)
        hub_files.begin_run(hub.url)
        try:
            yield hub
        finally:
            hub_files.begin_run("")
            for server in servers:
                server.shutdown()
                server.server_close()
            for thread in threads:
                thread.join()


def handler_of(hub: Hub, answer: Callable[[Hub, str, str, Message, bytes], Reply]) -> type[BaseHTTPRequestHandler]:
    """What answers a request: the fault of the hour, else `answer`."""

    class Handler(BaseHTTPRequestHandler):
        def any_method(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hub.asked.append((self.command, self.path))
            if (fault := hub.fault(self.command, self.path)) is not None:
                reply = Reply(fault[0], fault[2], fault[1])
            else:
                try:
                    reply = answer(hub, self.command, self.path, self.headers, body)
                except Refused as e:
                    reply = Reply(e.status, b'{"error": "no"}', {"X-Error-Code": e.code} if e.code else {})
            self.send(reply)

        do_GET = do_HEAD = do_POST = any_method

        def send(self, reply: Reply) -> None:
            data, status, headers = reply.data, reply.status, dict(reply.headers)
            if status == 200 and (span := self.headers.get("Range")) is not None:
                first, _, last = span.removeprefix("bytes=").partition("-")
                end = min(int(last) + 1 if last else len(data), len(data))
                headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(data)}"
                data, status = data[int(first) : end], 206
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: reply.cut])
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            """Silent."""

    return Handler


def answer_api(hub: Hub, method: str, path: str, headers: Message, body: bytes) -> Reply:
    """The Hub itself."""
    parts = urlsplit(path)
    words = [unquote(word) for word in parts.path.strip("/").split("/")]
    if words[0] == "api" and words[1] == "resolve-cache":
        repo = hub.repos[f"{words[3]}/{words[4]}"]
        data = repo.commits[words[5]]["/".join(words[6:])]
        hub.served.append("/".join(words[6:]))
        return Reply(200, data, {"ETag": f'"{blob_id(data)}"'})
    api = words[0] == "api"
    words = words[2:] if api else words[1:]
    repo, rest = _repo_of(hub, f"{words[0]}/{words[1]}", headers), words[2:]
    if rest[0] == "auth-check":
        _check_gate(repo, headers)
        return Reply(200)
    commit = repo.refs.get(rest[1], rest[1])
    if commit not in repo.commits:
        raise Refused(404, "RevisionNotFound")
    if rest[0] == "revision":
        told = {"id": "/".join(words[:2]), "sha": commit, "lastModified": "2026-11-02T03:04:05.000Z"}
        return Reply(200, json.dumps(told).encode())
    files = repo.commits[commit]
    if rest[0] == "paths-info":
        wanted = parse_qs(body.decode())["paths"]
        return Reply(200, json.dumps([e for p in wanted if (e := _entry(files, p)) is not None]).encode())
    if rest[0] == "tree":
        return _tree_page(hub, files, path, "/".join(rest[2:]))
    _check_gate(repo, headers)
    return _resolved(hub, words, commit, files, "/".join(rest[2:]))


def _resolved(hub: Hub, words: list[str], commit: str, files: Files, path: str) -> Reply:
    """LFS files lie at the storage, under a signed URL; others in the Hub's own cache."""
    if path not in files:
        raise Refused(404, "EntryNotFound")
    data = files[path]
    told = {"X-Repo-Commit": commit, "X-Linked-Size": str(len(data))}
    if path.endswith(SUFFIXES):
        digest = hashlib.sha256(data).hexdigest()
        place = f"{hub.storage}/{digest}?signature=secret&path={quote(path)}"
        return Reply(302, b"", told | {"Location": place, "X-Linked-ETag": f'"{digest}"'})
    place = f"/api/resolve-cache/datasets/{words[0]}/{words[1]}/{commit}/{quote(path)}"
    return Reply(307, b"", told | {"Location": place})


def answer_storage(hub: Hub, method: str, path: str, headers: Message, body: bytes) -> Reply:
    """The storage: bytes by their sha256."""
    hub.tokens_at_storage.append(headers.get("Authorization"))
    parts = urlsplit(path)
    hub.served.append(parse_qs(parts.query)["path"][0])
    wanted = parts.path.strip("/")
    for repo in hub.repos.values():
        for files in repo.commits.values():
            for data in files.values():
                if hashlib.sha256(data).hexdigest() == wanted:
                    return Reply(200, data, {"ETag": f'"{wanted}"'}, hub.cuts.pop(0) if hub.cuts else None)
    raise Refused(404)


def _repo_of(hub: Hub, name: str, headers: Message) -> Repo:
    repo, token = hub.repos.get(name), headers.get("Authorization")
    if repo is None or (repo.token is not None and token is None):
        raise Refused(401 if token is None else 404, "RepoNotFound")
    if repo.token is not None and token != f"Bearer {repo.token}":
        raise Refused(401)
    return repo


def _check_gate(repo: Repo, headers: Message) -> None:
    if repo.gated:
        raise Refused(403 if headers.get("Authorization") else 401, "GatedRepo")


def _entry(files: Files, path: str) -> dict[str, Any] | None:
    """A file or folder as `tree` and `paths-info` tell it."""
    if path not in files:
        below = sorted(p for p in files if p.startswith(path + "/"))
        oid = hashlib.sha1(" ".join(below).encode()).hexdigest()
        return {"type": "directory", "path": path, "oid": oid, "size": 0} if below else None
    data = files[path]
    told: dict[str, Any] = {"type": "file", "path": path, "size": len(data), "oid": blob_id(data)}
    if path.endswith(SUFFIXES):
        digest = hashlib.sha256(data).hexdigest()
        told["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
        told["oid"] = blob_id(f"version 1\noid sha256:{digest}\nsize {len(data)}\n".encode())
    return told


def _tree_page(hub: Hub, files: Files, path: str, below: str) -> Reply:
    """One page of a recursive listing, folders among the files; the next one's address in `Link`."""
    query = parse_qs(urlsplit(path).query)
    assert query["recursive"] == ["true"]
    inside = [p for p in files if not below or p.startswith(below + "/")]
    if not inside:
        raise Refused(404, "EntryNotFound")
    folders = {p.rpartition("/")[0] for p in inside} - {"", below}
    names = sorted([*inside, *folders], key=lambda p: hashlib.md5(p.encode()).hexdigest())  # no order is promised
    at = int(query.get("cursor", ["0"])[0])
    entries = [_entry(files, name) for name in names[at : at + hub.page]]
    headers = {}
    if at + hub.page < len(names):
        bare = urlsplit(path).path
        link = f"{hub.url}{bare}?recursive=true&expand=false&cursor={at + hub.page}"
        headers["Link"] = f'<{link}>; rel="next"'
    return Reply(200, json.dumps(entries).encode(), headers)
