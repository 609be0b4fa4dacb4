"""The OpenSpiel environment's server."""
