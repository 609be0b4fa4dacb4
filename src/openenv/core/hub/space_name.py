"""The names that Spaces go by."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from ..exceptions import ConfigurationError
from .settings import hub_endpoint, image_registry

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["SpaceName"]

_EXAMPLES = "'openenv/echo-env', 'openenv/echo-env@main' or 'https://huggingface.co/spaces/openenv/echo-env'"
_PUBLIC_HOSTS = frozenset({"huggingface.co", "www.huggingface.co", "hf.co"})
_RUNNING_DOMAIN = ".hf.space"
_PART = re.compile(r"(?!.*(?:\.\.|--))[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?")
# What git takes as the name of a branch, tag or commit, and never as an option.
_REVISION = re.compile(r"(?!.*(?:\.\.|//|@\{|/$|\.lock$))[A-Za-z0-9_][^\x00-\x20\x7f~^:?*\[\\]{0,254}")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LONGEST_LABEL = 63
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class SpaceName:
    """A Space on the Hub, perhaps at one revision of it.

    Attributes:
        owner: The user or organisation that it belongs to.
        name: Its name.
        revision: A branch, tag or commit; `None` for the default branch.
    """

    owner: str
    name: str
    revision: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no name."""
        for part in (self.owner, self.name):
            if not _PART.fullmatch(part):
                raise ConfigurationError(f"expected the name of a Space, such as {_EXAMPLES}; got {self.repo_id!r}")
        if self.revision is not None and not _REVISION.fullmatch(self.revision):
            raise ConfigurationError(f"expected a branch, tag or commit as revision, got {self.revision!r}")

    @classmethod
    def parse(cls, text: str, revision: str | None = None, *, endpoint: str | None = None) -> Self:
        """Read the name of a Space: `org/name`, `org/name@revision`, or the address of its page on the Hub.

        Args:
            text: The name.
            revision: A revision that was given beside it.
            endpoint: The Hub whose addresses are understood beside huggingface.co's; `None` for the environment's.

        Raises:
            ConfigurationError: It is no such name, or names another revision than the one given. The address of a
                running Space (`https://org-name.hf.space`) does not tell where the owner ends and the name begins.
        """
        path = _path(text, endpoint or hub_endpoint())
        repo_id, _, named = path.partition("@")
        if "/tree/" in repo_id and not named:
            repo_id, _, named = repo_id.partition("/tree/")
            named = unquote(named)
        if named and revision is not None and named != revision:
            raise ConfigurationError(f"{text!r} names one revision, and revision={revision!r} another: give one")
        owner, _, name = repo_id.removesuffix(".git").partition("/")
        if not owner or not name or "/" in name:
            raise ConfigurationError(f"expected the name of a Space, such as {_EXAMPLES}; got {text!r}")
        return cls(owner, name, revision if revision is not None else named or None)

    @property
    def repo_id(self) -> str:
        """Return its name on the Hub without a revision: `org/name`."""
        return f"{self.owner}/{self.name}"

    @property
    def host_label(self) -> str:
        """Return what hosts and images call it: `openenv-echo-env` for `openenv/echo_env`."""
        return f"{self.owner}-{self.name}".lower().replace("_", "-").replace(".", "-")

    @property
    def running_url(self) -> str:
        """Return the address of its server by convention; what the Hub says (`Space.url`) goes before it."""
        return f"https://{self.host_label}{_RUNNING_DOMAIN}"

    @property
    def is_pinned(self) -> bool:
        """Tell whether its revision is a commit, which never changes."""
        return self.revision is not None and _COMMIT.fullmatch(self.revision) is not None

    def at(self, revision: str | None) -> Self:
        """Return the same Space at another revision."""
        return replace(self, revision=revision)

    def page(self, endpoint: str | None = None) -> str:
        """Return the address of its page on a Hub, which is that of its git repository too.

        Args:
            endpoint: The Hub; `None` for the environment's.
        """
        return f"{endpoint or hub_endpoint()}/spaces/{self.repo_id}"

    def files_page(self, endpoint: str | None = None) -> str:
        """Return the address at which its files can be read at its revision; the argument is that of `page`."""
        return f"{self.page(endpoint)}/tree/{quote(self.revision or 'main', safe='')}"

    def image(self, tag: str = "latest", registry: str | None = None) -> str:
        """Return the name of its image: `registry.hf.space/openenv-echo-env:latest` for `openenv/echo_env`.

        Args:
            tag: The image's tag.
            registry: The registry's host; `None` for the environment's.

        Raises:
            ConfigurationError: The tag is none, or the Space's name is so long that the Hub has shortened it.
        """
        if not _TAG.fullmatch(tag):
            raise ConfigurationError(f"expected an image's tag, such as 'latest', got {tag!r}")
        if len(self.host_label) > _LONGEST_LABEL:
            raise ConfigurationError(
                f"{self.repo_id} is too long for a host: the Hub's own name for its image ends in a hash. See 'Run "
                f"with Docker' on the Space's page, and give that image to from_docker_image(…)"
            )
        return f"{registry or image_registry()}/{self.host_label}:{tag}"

    def __str__(self) -> str:
        """Return `org/name` or `org/name@revision`."""
        return self.repo_id if self.revision is None else f"{self.repo_id}@{self.revision}"


def _path(text: str, endpoint: str) -> str:
    """Return what follows `/spaces/` in an address, and any other name as it is."""
    name = text.strip().removeprefix("git+")
    if name.partition("/")[0] in _PUBLIC_HOSTS:
        name = f"https://{name}"
    if "://" not in name:
        return name.removeprefix("spaces/")
    address = urlsplit(name)
    own = urlsplit(endpoint)
    if (address.hostname or "").endswith(_RUNNING_DOMAIN):
        raise ConfigurationError(
            f"{text!r} is the address of a running Space, which does not tell its name: use it as base_url, or give "
            f"the name, such as {_EXAMPLES}"
        )
    is_own = address.netloc.rpartition("@")[2] == own.netloc and address.path.startswith(own.path)
    if not is_own and address.hostname not in _PUBLIC_HOSTS:
        raise ConfigurationError(f"{text!r} is no address on the Hub: give the name of a Space, such as {_EXAMPLES}")
    path = address.path.removeprefix(own.path) if is_own else address.path
    if not path.startswith("/spaces/"):
        raise ConfigurationError(f"{text!r} is not the address of a Space, such as {_EXAMPLES}")
    return path.removeprefix("/spaces/").removesuffix("/")
