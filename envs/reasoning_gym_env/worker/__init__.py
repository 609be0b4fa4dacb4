"""The process that loads reasoning-gym. It is started by path, and imports nothing of OpenEnv."""
