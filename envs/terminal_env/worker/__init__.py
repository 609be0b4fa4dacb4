"""The processes above a session's shell. They are started by path, and import no more than openenv.core.confinement."""
