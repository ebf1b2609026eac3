"""Reaches the model: routes, keys, and the client that sends requests."""
