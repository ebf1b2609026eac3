"""The warm state: the shared record of one prefix."""

from __future__ import annotations

from prefixwarm.life import TTL_1H
from prefixwarm.state.schema import (
    TEXT,
    Backoff,
    Deployment,
    Field,
    HeldLease,
    LastCall,
    LastDecision,
    Life,
    Money,
    Observed,
    Traffic,
    fields_of,
)
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.state.schema import Group


# No holder takes a longer lease; one that ends later was written with a wrong clock.
LONGEST_LEASE_SECONDS = 120.0


class State(Record):
    """The state of one prefix. Times are epoch seconds; None is unknown.

    See `prefixwarm.state.schema` for the groups.
    """

    key: str
    name: str = ""
    life: Life = Life()
    lease: HeldLease = HeldLease()
    backoff: Backoff = Backoff()
    traffic: Traffic = Traffic()
    observed: Observed = Observed()
    money: Money = Money()
    last_call: LastCall = LastCall()
    last_decision: LastDecision = LastDecision()
    deployment: Deployment = Deployment()

    @classmethod
    def of(cls, key: str, **attributes: Any) -> State:
        """Make a state from its item's attributes, by their flat names."""
        held: dict[str, dict[str, Any]] = {}
        for attribute, value in attributes.items():
            field = FIELDS[attribute]
            held.setdefault(field.group, {})[field.name] = value
        own = held.pop("", {})
        groups: dict[str, Any] = {name: GROUPS[name](**values) for name, values in held.items()}
        return cls(key=key, **own, **groups)

    def attributes(self, *, internal: bool = True) -> dict[str, Any]:
        """All attributes by their flat names, with or without `internal` ones."""
        held: Mapping[str, Any] = vars(self)
        return {
            attribute: getattr(held[field.group], field.name) if field.group else held[field.name]
            for attribute, field in FIELDS.items()
            if internal or not field.internal
        }

    def warm_for(self, now: float) -> float:
        """Seconds until the entry expires; 0 if it has."""
        return max(0.0, (self.life.warm_until or 0.0) - now)

    def leased(self, now: float) -> bool:
        """Whether the prefix is being warmed now."""
        return 0.0 < (self.lease.until or 0.0) - now <= LONGEST_LEASE_SECONDS

    def held_back(self, now: float, by: str) -> bool:
        """Whether a back-off applies to this caller."""
        return (self.backoff.until or 0.0) > now and self.backoff.of in ("", by)

    def is_used_by(self, function: str) -> bool:
        """Whether a request of this function was seen to use the entry.

        If no function has identified itself, any request counts.
        """
        traffic = self.traffic
        return function in traffic.used_by or (not traffic.used_by and bool(traffic.matched_at))

    def ttl_to_ask(self, wanted: int, now: float) -> int:
        """Return the TTL to request, given the one wanted for writes.

        Never less than the live entry's TTL, because the effect of a shorter one is undocumented;
        never more than the provider grants.
        """
        living = (self.life.granted_ttl or 0) if self.warm_for(now) else 0
        return min(max(wanted, living), self.life.longest_ttl or TTL_1H)


GROUPS: dict[str, type[Group]] = {
    "life": Life,
    "lease": HeldLease,
    "backoff": Backoff,
    "traffic": Traffic,
    "observed": Observed,
    "money": Money,
    "last_call": LastCall,
    "last_decision": LastDecision,
    "deployment": Deployment,
}
_NAME = Field(attribute="name", kind=TEXT, internal=False, name="name")

# Every attribute of a prefix's item, by name.
FIELDS: dict[str, Field] = {
    "name": _NAME.replace(empty=""),
    **{
        field.attribute: field.replace(group=group)
        for group in GROUPS
        for field in fields_of(GROUPS[group])
    },
}
