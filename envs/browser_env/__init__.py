"""The browser environment: web pages, seen as an outline and acted on by element."""

from browser_env.client import BrowserEnv
from browser_env.models import ActionKind, BrowserAction, BrowserObservation, BrowserState

__all__ = ["ActionKind", "BrowserAction", "BrowserEnv", "BrowserObservation", "BrowserState"]
