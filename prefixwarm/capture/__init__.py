"""Prefix files from what an agent really sends."""
