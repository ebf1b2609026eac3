"""Absolute deadlines: set once by the caller, passed down, never extended."""

from __future__ import annotations

from time import monotonic

from prefixwarm.errors import DeadlineError


class Deadline:
    """A moment on the monotonic clock by which work must have ended.

    Parameters
    ----------
    at
        The moment, in `time.monotonic` seconds.
    """

    __slots__ = ("at",)

    def __init__(self, at: float) -> None:
        self.at = at

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The moment `seconds` from now."""
        return cls(monotonic() + seconds)

    def earliest(self, seconds: float) -> Deadline:
        """This deadline, or `seconds` from now if that is earlier."""
        return Deadline(min(self.at, monotonic() + seconds))

    def remaining(self) -> float:
        """Seconds left; never negative."""
        return max(0.0, self.at - monotonic())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.at <= monotonic()

    def require(self, what: str) -> float:
        """Return the seconds left.

        Raises
        ------
        DeadlineError
            None are left; `what` names the step in the message.
        """
        left = self.at - monotonic()
        if left <= 0:
            raise DeadlineError(f"out of time: {what}")
        return left
