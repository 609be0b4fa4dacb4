"""The tasks, which sessions do not see."""
