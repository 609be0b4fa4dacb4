"""How quick OpenEnv is, measured against `openenv==0.10.0` on the same machine in the same run."""
