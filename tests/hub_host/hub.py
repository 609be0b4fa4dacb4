"""A Hub on loopback: the part of its API that OpenEnv asks, and its git repositories, by git itself."""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path

from tests.hub_host.repository import Repository

__all__ = ["TOKEN", "WRITER", "WRITER_TOKEN", "Hub", "HostedSpace", "serve_hub"]

TOKEN = "hf_the_token_of_a_reader"
_READER = "reader"
WRITER_TOKEN = "hf_the_token_of_a_writer"
WRITER = "writer"


@dataclass
class HostedSpace:
    """A Space on the Hub, which a test may change.

    Attributes:
        repo_id: Its name.
        repository: Its source.
        stage: What becomes of it.
        host: The address that the Hub names for its server.
        running_commit: The commit that runs; `None` for the last one.
        is_private: Whether it takes a token to see it.
        is_gated: Whether access has to be asked for.
        pull_requests: How many were opened; what each would change is the branch `refs/pr/1` and so on.
    """

    repo_id: str
    repository: Repository
    stage: str = "SLEEPING"
    host: str = ""
    running_commit: str | None = None
    is_private: bool = False
    is_gated: bool = False
    pull_requests: int = 0

    @property
    def subdomain(self) -> str:
        """Return what its host is called on the Hub."""
        return re.sub(r"[/_.]", "-", self.repo_id.lower())

    def run(self, url: str, commit: str | None = None) -> None:
        """Have the Hub say that it runs."""
        self.stage, self.host, self.running_commit = "RUNNING", url, commit


@dataclass
class Hub:
    """What it holds, and what it was asked.

    Attributes:
        url: Its address, which `HF_ENDPOINT` has to be.
        spaces: Its Spaces, by their names in small letters.
        moved: Where Spaces that were renamed are now.
        tokens: Whose each token is.
        requests: The method, the path and the user of each request so far.
        silence: Cleared while requests have to wait.
        held: Set once a request waits.
        failing: The status with which every request is answered, if there is one.
    """

    url: str
    root: Path
    spaces: dict[str, HostedSpace] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=lambda: {TOKEN: _READER, WRITER_TOKEN: WRITER})
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    silence: threading.Event = field(default_factory=threading.Event)
    failing: int | None = None
    held: threading.Event = field(default_factory=threading.Event)
    _answers_left: int | None = None

    def hold_after(self, answers: int) -> None:
        """Have requests wait, after some that do not, until `silence` is set."""
        self._answers_left = answers

    def wait_if_told(self) -> None:
        """Wait as the test wants requests to."""
        if self._answers_left is not None:
            self._answers_left -= 1
            if self._answers_left < 0:
                self._answers_left = None
                self.silence.clear()
        if not self.silence.is_set():
            self.held.set()
            self.silence.wait()

    def add(self, repo_id: str, files: Mapping[str, str], *, is_private: bool = False) -> HostedSpace:
        """Add a Space with one commit."""
        repository = Repository(self.root / repo_id.lower())
        repository.commit(files)
        space = HostedSpace(repo_id, repository, is_private=is_private)
        self.spaces[repo_id.lower()] = space
        return space

    def add_empty(self, repo_id: str, *, is_private: bool = False) -> HostedSpace:
        """Add a Space as the Hub makes one: with nothing but settings of git in it."""
        repository = Repository(self.root / repo_id.lower())
        repository.change({".gitattributes": b"*.bin filter=lfs\n"}, "refs/heads/main", "initial commit")
        space = HostedSpace(repo_id, repository, is_private=is_private)
        self.spaces[repo_id.lower()] = space
        return space

    def user_of(self, authorization: str | None) -> str | None:
        """Return whose request it is: empty for an unknown token, `None` for nobody's.

        Args:
            authorization: The header: a bearer's as the API takes it, or a password's as git sends it.
        """
        if not authorization:
            return None
        kind, _, value = authorization.partition(" ")
        token = value if kind == "Bearer" else base64.b64decode(value).decode().partition(":")[2]
        return self.tokens.get(token, "")

    def asked(self, part: str) -> int:
        """Return how many requests had a text in their path."""
        return sum(part in path for _, path, _ in self.requests)


@contextmanager
def serve_hub(root: Path) -> Iterator[Hub]:
    """Serve a Hub on a free port of loopback.

    Args:
        root: A directory for its repositories.
    """
    from tests.hub_host.handler import HubHandler

    server = ThreadingHTTPServer(("127.0.0.1", 0), HubHandler)
    hub = Hub(f"http://127.0.0.1:{server.server_port}", root)
    hub.silence.set()
    server.hub = hub  # type: ignore[attr-defined]
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name=hub.url)
    thread.start()
    try:
        yield hub
    finally:
        hub.silence.set()
        server.shutdown()
        thread.join()
        server.server_close()
