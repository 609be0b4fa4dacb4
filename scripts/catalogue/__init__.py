"""The catalogue of the environments in this repository, each shown at work."""
