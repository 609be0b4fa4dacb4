"""What the Hub's API answers, and what goes wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .._secrets import mask
from ..exceptions import HubError, HubUnreachableError, OpenEnvError, SpaceNotFoundError
from ._asking import Asking
from .settings import DEFAULT_ENDPOINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import HubSettings

__all__ = ["answer_of", "not_found", "unreachable", "write_answer_of"]

_ResultT = TypeVar("_ResultT")


def answer_of(
    ask: Callable[[], _ResultT], what: str, settings: HubSettings, timeout_s: float, *, is_repeatable: bool = True
) -> _ResultT:
    """Return what a call of `huggingface_hub` returns, or raise what is wrong.

    Args:
        ask: The call.
        what: What it asks for, such as "openenv/echo-env@main".
        settings: The Hub that it asks.
        timeout_s: Seconds that it may take; `huggingface_hub` itself bounds no more than the wait for the next byte.
        is_repeatable: Whether it may be asked again where nobody knows how far it came.

    Raises:
        OpenEnvError: As `look_up` says.
    """
    asking = Asking(ask, is_repeatable=is_repeatable)
    try:
        return asking.answer(timeout_s)
    except OpenEnvError:
        raise
    except Exception as error:
        # Its HTTP library differs from release to release, and the errors of that with it.
        if "timeout" in type(error).__name__.lower():
            raise HubUnreachableError(f"{settings.endpoint} did not tell of {what} within {timeout_s:g} s") from error
        if asking.was_cut_off:
            raise HubUnreachableError(
                f"another thread of this program closed the connection to {settings.endpoint}, as huggingface_hub does "
                f"where a Hub cannot be reached: see what became of {what}, and try again"
            ) from error
        raise _translated(error, what, settings) from error


def write_answer_of(
    ask: Callable[[], _ResultT], what: str, settings: HubSettings, timeout_s: float, *, is_repeatable: bool
) -> _ResultT:
    """Return what a call of `huggingface_hub` returns that changes something, or raise what is wrong.

    The arguments are those of `answer_of`.

    Raises:
        HubError: The token may not do that, or the Hub refuses what is sent.
        OpenEnvError: As `look_up` says.
    """

    def asked() -> _ResultT:
        try:
            return ask()
        except OpenEnvError:
            raise
        except Exception as error:
            refused = _refused_change(error, what, settings)
            if refused is None:
                raise
            raise refused from error

    return answer_of(asked, what, settings, timeout_s, is_repeatable=is_repeatable)


def not_found(what: str, settings: HubSettings) -> SpaceNotFoundError:
    """Return the error for what is not there, or is private."""
    if settings.token is None:
        mend = "if it is private, set HF_TOKEN to a token that may read it"
    else:
        mend = "or it is private and the token in use may not read it"
    return SpaceNotFoundError(f"{settings.endpoint} has no Space {what}; {mend}")


def unreachable(why: str, settings: HubSettings) -> HubUnreachableError:
    """Return the error for a Hub that is not reached, and why not."""
    what = "the network" if settings.endpoint == DEFAULT_ENDPOINT else "the network, and at HF_ENDPOINT"
    return HubUnreachableError(f"{settings.endpoint} cannot be reached (look at {what}): {why}")


def _translated(error: Exception, what: str, settings: HubSettings) -> HubError:
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, GatedRepoError):
        return HubError(f"{what}: access has to be asked for, at {settings.endpoint}/spaces/{what.partition('@')[0]}")
    if isinstance(error, RevisionNotFoundError):
        return SpaceNotFoundError(f"{settings.endpoint} has no revision {what}")
    if isinstance(error, RepositoryNotFoundError):
        return not_found(what, settings)
    # Older releases raise errors of their HTTP library for some requests.
    if isinstance(error, HfHubHTTPError) or _status_of(error) is not None:
        return _refused(error, what, settings)
    if isinstance(error, OfflineModeIsEnabled):
        return HubUnreachableError(f"{settings.endpoint} was not asked about {what}: HF_HUB_OFFLINE is set")
    if isinstance(error, (ValueError, KeyError, TypeError, AttributeError)):
        return HubError(f"{settings.endpoint} gave no answer of a Hub's about {what} ({type(error).__name__})")
    return unreachable(_shown(str(error), settings), settings)


def _status_of(error: Exception) -> int | None:
    status: int | None = getattr(getattr(error, "response", None), "status_code", None)
    return status


def _refused(error: Exception, what: str, settings: HubSettings) -> HubError:
    status = _status_of(error)
    if status == 401:
        return HubError(f"{settings.endpoint} does not know the token in use: mend HF_TOKEN, or unset it ({what})")
    if status == 403:
        return HubError(f"{settings.endpoint} does not let the token in use read {what}")
    if status == 429:
        return HubError(f"{settings.endpoint} takes no more requests for now: try again later, or set HF_TOKEN")
    first = next(iter(_shown(str(error), settings).strip().splitlines()), "")
    return HubError(f"{settings.endpoint} refused to tell of {what}: {first}")


def _refused_change(error: Exception, what: str, settings: HubSettings) -> HubError | None:
    """Return what is wrong where it is about changing something, and `None` where it is about asking at all."""
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

    if isinstance(error, ValueError) and "README.md" in str(error):
        told = " ".join(str(error).split())
        return HubError(f"{settings.endpoint} does not take the header of README.md: {_shown(told, settings)}")
    if not isinstance(error, HfHubHTTPError) or isinstance(error, (GatedRepoError, RepositoryNotFoundError)):
        return None
    status = _status_of(error)
    if status == 403:
        mend = f"make one that may write, at {settings.endpoint}/settings/tokens, or name a Space of your own"
        return HubError(f"{settings.endpoint} does not let the token in use write {what}: {mend}")
    if status == 409:
        return HubError(f"{settings.endpoint} has that already, or it changes right now: {what}")
    return None


def _shown(text: str, settings: HubSettings) -> str:
    return mask(text.replace(settings.token, "***") if settings.token else text)
