"""Attaches the layer to a function that exists, whoever deployed it, and takes it off again."""
