"""The browser environment's server."""
