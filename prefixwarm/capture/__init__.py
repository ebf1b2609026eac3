"""Makes prefix files from an agent's real requests."""
