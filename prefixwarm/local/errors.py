"""What can go wrong in the local cloud."""

from __future__ import annotations

from prefixwarm.errors import PrefixwarmError


class LocalCloudError(PrefixwarmError):
    """A part of the local cloud is missing or does not start; the message says which."""
