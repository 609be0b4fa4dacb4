"""The process that runs a session's code. It is started by path, and imports nothing but the standard library."""
