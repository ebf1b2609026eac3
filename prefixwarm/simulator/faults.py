"""Injects faults into a simulated provider."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from random import Random
from typing import TYPE_CHECKING, Any

from prefixwarm.simulator.api_errors import TYPES, ApiError, SimulatorError
from prefixwarm.simulator.http_types import Part

if TYPE_CHECKING:
    from prefixwarm.simulator.http_types import Reply
    from prefixwarm.simulator.request_log import Record


KINDS = ("error", "reset", "lost", "malformed", "slow")
_MATCHES = ("route", "path", "model", "organization", "workspace", "warm", "contains", "prefix")


_NONE = type(None)
_LONGEST = 86_400.0
_KINDS_OF_FIELDS: dict[str, tuple[tuple[type, ...], str]] = {
    "error_code": ((str, _NONE), "a string"),
    "message": ((str, _NONE), "a string"),
    "retry_after": ((int, str, _NONE), "seconds or a date"),
    "should_retry": ((bool, _NONE), "true or false"),
    "seconds": ((int, float), "seconds"),
    "count": ((int, _NONE), "a number"),
    "probability": ((int, float), "0 to 1"),
    "seed": ((int,), "a number"),
    "after": ((int, float, _NONE), "simulated seconds since the epoch"),
    "until": ((int, float, _NONE), "simulated seconds since the epoch"),
    "match": ((dict,), "an object"),
}


class Dropped(Exception):  # noqa: N818 - an event, not an error
    """The connection is reset instead of replying."""


@dataclass
class Fault:
    """One failure, and when it applies.

    Attributes
    ----------
    kind : str
        ``error`` answers `status`; ``reset`` drops the connection before the request takes effect;
        ``lost`` drops it after the cache was written; ``malformed`` cuts the JSON of the reply in
        the middle; ``slow`` holds the reply.
    status : int
        The status of ``error``.
    error_code : str, optional
        ``error.details.error_code``, such as ``enforced_spend_limit_reached``.
    message : str, optional
        ``error.message``.
    retry_after : int or str, optional
        The ``retry-after`` header.
    should_retry : bool, optional
        The ``x-should-retry`` header.
    seconds : float
        How long ``slow`` holds a reply, in real seconds on any clock.
    count : int, optional
        How often it applies; None is always.
    probability : float
        The probability of applying, drawn from `seed`.
    after, until : float, optional
        Applies from and until these simulated seconds since the epoch.
    match : dict
        Applies only if all match: ``route``, ``path``, ``model``, ``organization``,
        ``workspace``, ``warm`` (equal), ``contains`` (a text anywhere in the body), ``prefix``
        (the hexadecimal key of a cache entry that the request's prefix includes).
    """

    kind: str = "error"
    status: int = 500
    error_code: str | None = None
    message: str | None = None
    retry_after: int | str | None = None
    should_retry: bool | None = None
    seconds: float = 0.0
    count: int | None = None
    probability: float = 1.0
    seed: int = 0
    after: float | None = None
    until: float | None = None
    match: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Validate the fields."""
        _one_of(self.kind, KINDS, "fault kind")
        _one_of(self.status, TYPES, "fault status")
        _check_kinds(self)
        for key in self.match:
            _one_of(key, _MATCHES, "fault match")
        if not 0 <= self.probability <= 1:
            raise SimulatorError(f"fault probability {self.probability!r}: give 0 to 1")
        if not 0 <= self.seconds < _LONGEST:
            raise SimulatorError(f"fault seconds {self.seconds!r}: give seconds from 0 on")
        if not str(self.retry_after).isprintable() or not str(self.retry_after).isascii():
            raise SimulatorError(f"fault retry_after {self.retry_after!r}: give seconds or a date")
        self._random = Random(self.seed)  # noqa: S311

    @classmethod
    def parse(cls, value: object) -> Fault:
        """Read a fault from the control surface's JSON.

        Raises
        ------
        SimulatorError
            For unknown fields and values.
        """
        if not isinstance(value, dict):
            raise SimulatorError('fault: give an object such as {"status": 529, "count": 2}')
        names = [field.name for field in fields(cls)]
        for name in value:
            _one_of(name, names, "fault field")
        try:
            return cls(**value)
        except TypeError as error:
            raise SimulatorError(f"fault: a field has the wrong type ({error})") from error

    def strikes(self, record: Record) -> bool:
        """Return whether it applies to this request, and count it."""
        if self.count == 0 or not self._in_time(record.time) or not self._matches(record):
            return False
        if self._random.random() >= self.probability:
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def _in_time(self, now: float) -> bool:
        early = self.after is not None and now < self.after
        late = self.until is not None and now >= self.until
        return not early and not late

    def _matches(self, record: Record) -> bool:
        for key, expected in self.match.items():
            if key == "contains":
                if str(expected).encode() not in (record.body or b""):
                    return False
            elif key == "prefix":
                if record.trace is None or not record.trace.includes(str(expected)):
                    return False
            elif getattr(record, key) != expected:
                return False
        return True

    def before(self) -> None:
        """Act before the request takes effect.

        Raises
        ------
        ApiError
            For an ``error``.
        Dropped
            For a ``reset``.
        """
        if self.kind == "error":
            raise self._error()
        if self.kind == "reset":
            raise Dropped

    def spoil(self, reply: Reply) -> Reply:
        """Change the reply of a request that took effect."""
        if self.kind == "lost":
            reply.cut = 0
        elif self.kind == "malformed":
            whole = b"".join(part.data for part in reply.parts)
            reply.parts = [Part(reply.parts[-1].after, whole[: len(whole) // 2])]
        elif self.kind == "slow":
            reply.held = self.seconds
        return reply

    def _error(self) -> ApiError:
        """Build the reply of an ``error``."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["retry-after"] = str(self.retry_after)
        if self.should_retry is not None:
            headers["x-should-retry"] = str(self.should_retry).lower()
        details = {"error_code": self.error_code} if self.error_code else None
        message = self.message or f"Injected fault with status {self.status}"
        return ApiError(self.status, message, details=details, headers=headers)


def _check_kinds(fault: Fault) -> None:
    for name, (kinds, what) in _KINDS_OF_FIELDS.items():
        value = getattr(fault, name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise SimulatorError(f"fault {name} {value!r}: give {what}")


def _one_of(value: object, accepted: Any, what: str) -> None:
    if value not in accepted:
        options = ", ".join(str(option) for option in accepted)
        raise SimulatorError(f"{what} {value!r} is unknown; use one of {options}")
