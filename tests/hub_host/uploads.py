"""What a Hub does with uploads: its repositories take them as commits."""

from __future__ import annotations

import base64
import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote

import yaml

from tests.hub_host.hub import HostedSpace, Hub

__all__ = ["RefusedUploadError", "taken"]

_COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
_OF_A_SPACE = re.compile(r"/api/spaces/([^/]+/[^/]+)/(preupload|commit|duplicate)(?:/(.+))?")


class RefusedUploadError(Exception):
    """It is not taken.

    Attributes:
        status: The status of the answer.
        code: What the answer's header says.
        url: The page of what is there already; empty where that is not why.
    """

    def __init__(self, status: int, message: str, code: str = "", *, url: str = "") -> None:
        self.status = status
        self.code = code
        self.url = url
        super().__init__(message)


def taken(hub: Hub, user: str | None, path: str, query: str, body: bytes) -> dict[str, Any]:
    """Do what a request asks for, and return the answer.

    Args:
        hub: The Hub.
        user: Who asks.
        path: The request's path.
        query: Its query.
        body: What was sent.
    """
    if not user:
        raise RefusedUploadError(401, "Invalid username or password.")
    if path == "/api/validate-yaml":
        return _validated(json.loads(body)["content"])
    if path == "/api/repos/create":
        return _created(hub, user, json.loads(body))
    match = _OF_A_SPACE.fullmatch(path)
    space = hub.spaces.get(match[1].lower()) if match else None
    if match is None or space is None:
        raise RefusedUploadError(404, "Repository not found", "RepoNotFound")
    if match[2] == "preupload":
        return _preuploaded(space, unquote(match[3]), json.loads(body))
    if match[2] == "duplicate":
        return _duplicated(hub, user, space, json.loads(body))
    return _committed(hub, user, space, "create_pr" in parse_qs(query), body)


def _validated(readme: str) -> dict[str, Any]:
    card = yaml.safe_load(readme.split("---\n")[1]) if readme.startswith("---\n") else {}
    if card.get("colorFrom", "red") not in {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}:
        raise RefusedUploadError(
            400, '"colorFrom" must be one of [red, yellow, green, blue, indigo, purple, pink, gray]'
        )
    return {"errors": [], "warnings": []}


def _created(hub: Hub, user: str, wanted: dict[str, Any]) -> dict[str, Any]:
    repo_id = f"{wanted['organization'] or user}/{wanted['name']}"
    _check_owner(user, repo_id)
    is_new = repo_id.lower() not in hub.spaces
    if is_new:
        assert (wanted["type"], wanted["sdk"]) == ("space", "docker")
        hub.add_empty(repo_id, is_private=_is_private(wanted))
    told = {"url": f"{hub.url}/spaces/{repo_id}", "name": repo_id}
    if not is_new:
        raise RefusedUploadError(409, "You already created this space repo", url=told["url"])
    return told


def _duplicated(hub: Hub, user: str, space: HostedSpace, wanted: dict[str, Any]) -> dict[str, Any]:
    repo_id = wanted["repository"]
    _check_owner(user, repo_id)
    if repo_id.lower() in hub.spaces:
        raise RefusedUploadError(409, "This repository already exists")
    copy = hub.add_empty(repo_id, is_private=_is_private(wanted))
    copy.repository.git("fetch", "--quiet", str(space.repository.directory), "+refs/heads/main:refs/heads/main")
    return {"url": f"{hub.url}/spaces/{repo_id}"}


def _is_private(wanted: dict[str, Any]) -> bool:
    return bool(wanted.get("private")) or wanted.get("visibility") == "private"


def _preuploaded(space: HostedSpace, revision: str, wanted: dict[str, Any]) -> dict[str, Any]:
    known = space.repository.files(revision)
    files = [
        {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False, "oid": known.get(file["path"])}
        for file in wanted["files"]
    ]
    return {"files": files}


def _committed(hub: Hub, user: str, space: HostedSpace, is_pull_request: bool, body: bytes) -> dict[str, Any]:
    if not is_pull_request:
        _check_owner(user, space.repo_id)
    header, *operations = (json.loads(line) for line in body.splitlines())
    files = {one["value"]["path"]: _content(one) for one in operations}
    page = f"{hub.url}/spaces/{space.repo_id}"
    ref, base, more = "refs/heads/main", "", {}
    if is_pull_request:
        space.pull_requests += 1
        ref, base = f"refs/pr/{space.pull_requests}", space.repository.resolve("main") or ""
        more = {"pullRequestUrl": f"{page}/discussions/{space.pull_requests}"}
    commit = space.repository.change(files, ref, header["value"]["summary"], base=base)
    return {"success": True, "commitOid": commit, "commitUrl": f"{page}/commit/{commit}", "hookOutput": "", **more}


def _content(operation: dict[str, Any]) -> bytes | None:
    if operation["key"] == "deletedFile":
        return None
    assert (operation["key"], operation["value"]["encoding"]) == ("file", "base64")
    return base64.b64decode(operation["value"]["content"])


def _check_owner(user: str, repo_id: str) -> None:
    if repo_id.partition("/")[0] != user:
        raise RefusedUploadError(403, f"You don't have the rights to write {repo_id}")
