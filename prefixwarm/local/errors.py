"""Errors of the local cloud."""

from __future__ import annotations

from prefixwarm.errors import PrefixwarmError


class LocalCloudError(PrefixwarmError):
    """A part of the local cloud, named in the message, is missing or does not start."""


class NoModelCallError(LocalCloudError):
    """The user's function has made no successful model call; the message has its answer."""
