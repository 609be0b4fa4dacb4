"""What a session's pages may ask for: its shop, and hosts that the operator allows."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Error

from browser_env.server.settings import BrowserSettings
from browser_env.shop.site import SHOP_HOST, Site

if TYPE_CHECKING:
    from playwright.async_api import Request, Route

__all__ = ["Gate"]

_REFUSED = "<!doctype html><title>Refused</title><h1>Refused</h1><p>This host is not among those that are allowed.</p>"


class Gate:
    """Answers every request of a session's pages: no socket is opened for the shop.

    Attributes:
        redirected_to: Where the last answer of the shop leads, until it was gone to; empty otherwise.
        refused: The host that a page was last to be fetched from and that is not allowed; empty for none.
    """

    def __init__(self, site: Site, settings: BrowserSettings) -> None:
        """Make the gate of a session.

        Args:
            site: Its shop.
            settings: Which hosts are allowed.
        """
        self._site = site
        self._settings = settings
        self.redirected_to = ""
        self.refused = ""

    def checked(self, url: str, base: str) -> str:
        """Return an address in full, if it can be gone to.

        Args:
            url: The address, or a path.
            base: The address of the page that it is seen from.

        Raises:
            ValueError: It cannot; the message says why.
        """
        try:
            full = urljoin(base, url)
            parts = urlsplit(full)
        except ValueError as error:
            raise ValueError(f"{url[:100]!r} is no address: {error}") from error
        if parts.scheme not in ("http", "https"):
            raise ValueError(f"expected an address that begins with http:// or https://, got {full[:100]!r}")
        host = parts.hostname or ""
        if not self._is_open(host):
            raise ValueError(self.refusal(host))
        return full

    def refusal(self, host: str) -> str:
        """Return what is said of a host that is not allowed.

        Args:
            host: Its name.
        """
        return f"{host} is not allowed: there are {', '.join((SHOP_HOST, *self._settings.allowed_hosts))}"

    async def answer(self, route: Route) -> None:
        """Answer a request.

        Args:
            route: The request, as Playwright holds it.
        """
        request = route.request
        host = urlsplit(request.url).hostname or ""
        if host == SHOP_HOST:
            await self._serve(route)
        elif self._is_open(host):
            await route.continue_()
        elif request.is_navigation_request():
            if _is_of_the_page(request):
                self.refused = host
            await route.fulfill(status=403, content_type="text/html", body=_REFUSED)
        else:
            await route.abort("blockedbyclient")

    def _is_open(self, host: str) -> bool:
        return host == SHOP_HOST or self._settings.allows(host)

    async def _serve(self, route: Route) -> None:
        request = route.request
        body = (request.post_data_buffer or b"").decode(errors="replace")
        reply = self._site.answer(request.method, request.url, body)
        if reply.location:
            # A redirect's next request would not be asked for here: whoever acts goes there.
            self.redirected_to = urljoin(request.url, reply.location)
            await route.fulfill(status=204)
        else:
            await route.fulfill(status=reply.status, content_type="text/html; charset=utf-8", body=reply.html)


def _is_of_the_page(request: Request) -> bool:
    """Return whether a request is for a page itself, not for what is framed in it."""
    try:
        return request.frame.parent_frame is None
    except Error:
        # A window that is just being opened has no frame yet.
        return True
