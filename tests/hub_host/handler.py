"""The answers of a Hub: its API's as huggingface.co gives them, its repositories' as git gives them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote, urlsplit

from tests.hub_host.hub import HostedSpace, Hub
from tests.hub_host.repository import GIT_VARIABLES
from tests.hub_host.uploads import RefusedUploadError, taken

__all__ = ["HubHandler"]


class HubHandler(BaseHTTPRequestHandler):
    """Answers one request."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Be quiet."""

    @property
    def hub(self) -> Hub:
        hub: Hub = self.server.hub  # type: ignore[attr-defined]
        return hub

    def _answer(self) -> None:
        self.user = self.hub.user_of(self.headers["Authorization"])
        path = urlsplit(self.path).path
        self.hub.requests.append((self.command, self.path, self.user))
        self.hub.wait_if_told()
        if self.hub.failing is not None:
            self._refuse(self.hub.failing, "Failing")
        elif path == "/api/whoami-v2":
            self._tell_who()
        elif self.command == "POST" and path.startswith("/api/"):
            self._take_upload(path)
        elif "/tree/" in path and path.startswith("/api/spaces/"):
            self._list_files(path.removeprefix("/api/spaces/"))
        elif path.startswith("/api/spaces/"):
            self._tell_of_space(path.removeprefix("/api/spaces/"))
        elif path.startswith("/spaces/"):
            self._serve_git(path.removeprefix("/spaces/"))
        else:
            self._refuse(404, "Not found")

    def _tell_who(self) -> None:
        if self.user:
            self._send(200, {"type": "user", "name": self.user})
        else:
            self._refuse(401, "Invalid username or password.")

    def _take_upload(self, path: str) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        try:
            self._send(200, taken(self.hub, self.user, path, urlsplit(self.path).query, body))
        except RefusedUploadError as refusal:
            self._refuse(refusal.status, str(refusal), refusal.code, url=refusal.url)

    def _list_files(self, path: str) -> None:
        repo_id, _, revision = path.partition("/tree/")
        space = self.hub.spaces.get(repo_id.lower())
        if space is None or (space.is_private and not self.user):
            self._refuse(404, "Repository not found", "RepoNotFound")
            return
        files = space.repository.files(unquote(revision))
        self._send(200, [{"type": "file", "oid": name, "size": 0, "path": path} for path, name in files.items()])

    def _tell_of_space(self, path: str) -> None:
        repo_id, _, revision = path.partition("/revision/")
        if repo_id in self.hub.moved:
            self._redirect(f"/api/spaces/{self.hub.moved[repo_id]}{path.removeprefix(repo_id)}")
            return
        space = self._space_at(repo_id.removeprefix("by-subdomain/")) if "by-subdomain/" in repo_id else None
        space = space or self.hub.spaces.get(repo_id.lower())
        if self.user == "":
            self._refuse(401, "Invalid credentials in Authorization header")
        elif space is None or (space.is_private and self.user is None):
            # It tells nobody who may not see it that it is there.
            self._refuse(401 if self.user is None else 404, "Repository not found", "RepoNotFound")
        elif space.is_gated:
            self._refuse(403, "Access to this repository is restricted", "GatedRepo")
        else:
            self._describe(space, unquote(revision) or "main")

    def _space_at(self, subdomain: str) -> HostedSpace | None:
        return next((space for space in self.hub.spaces.values() if space.subdomain == subdomain), None)

    def _describe(self, space: HostedSpace, revision: str) -> None:
        commit = space.repository.resolve(revision)
        if commit is None:
            self._refuse(404, f"Invalid rev id: {revision}", "RevisionNotFound")
            return
        owner = space.repo_id.partition("/")[0]
        runtime = {
            "stage": space.stage,
            "hardware": {"current": "cpu-basic", "requested": "cpu-basic"},
            "storage": None,
            "gcTimeout": 172800,
            "replicas": {"current": 1, "requested": 1},
            **({"sha": space.running_commit or space.repository.resolve("main")} if space.host else {}),
        }
        told = {
            "_id": "6800000000000000000000aa",
            "id": space.repo_id,
            "author": owner,
            "sha": commit,
            "lastModified": "2026-01-01T00:00:00.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "private": space.is_private,
            "gated": False,
            "disabled": False,
            "host": space.host or f"https://{space.subdomain}.hf.space",
            "subdomain": space.subdomain,
            "sdk": "docker",
            "tags": ["docker", "openenv"],
            "likes": 0,
            "runtime": runtime,
            "cardData": {"title": space.repo_id, "sdk": "docker", "app_port": 8000},
            "siblings": [{"rfilename": "README.md"}],
        }
        self._send(200, told)

    def _serve_git(self, path: str) -> None:
        owner, name, *rest = path.split("/")
        space = self.hub.spaces.get(f"{owner}/{name.removesuffix('.git')}".lower())
        is_seen = space is not None and (not space.is_private or self.user)
        if self.user == "" or (not is_seen and self.user is None):
            self._send(401, b"Invalid username or password.", {"WWW-Authenticate": 'Basic realm="Hub"'})
        elif not is_seen or space is None:
            self._refuse(404, "Repository not found")
        else:
            self._run_git("/".join([str(space.repository.directory), *rest]))

    def _run_git(self, path: str) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        variables = {
            **GIT_VARIABLES,
            "GIT_PROJECT_ROOT": "/",
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "REQUEST_METHOD": self.command,
            "QUERY_STRING": urlsplit(self.path).query,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
        }
        command = ["git", "-c", "safe.directory=*", "http-backend"]
        done = subprocess.run(command, input=body, env=variables, capture_output=True, check=False, timeout=30)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self._send(int(fields.pop("Status", "200").split()[0]), answer, fields)

    def _refuse(self, status: int, message: str, code: str = "", **more: str) -> None:
        headers = {"X-Error-Message": message, **({"X-Error-Code": code} if code else {})}
        self._send(status, {"error": message, **more}, headers)

    def _redirect(self, place: str) -> None:
        self._send(307, {"error": "Temporary Redirect"}, {"Location": place})

    def _send(
        self, status: int, content: bytes | dict[str, Any] | list[Any], headers: Mapping[str, str] | None = None
    ) -> None:
        kind = "text/plain" if isinstance(content, bytes) else "application/json"
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        try:
            self.send_response(status)
            for name, value in {"Content-Type": kind, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            # Who asked has gone: that is what the test is about.
            self.close_connection = True
