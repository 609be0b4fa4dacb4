"""Processes that each run the environment of one session, so that what goes wrong there ends that session alone."""

__all__: list[str] = []
