"""A call that somebody asked for: planned by nobody's policy, and paid as a start's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.state.model import KEEPWARM

if TYPE_CHECKING:
    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.state.keepwarm_model import Account
    from prefixwarm.state.warm_state import State
    from prefixwarm.warm.attempt import CallOptions
    from prefixwarm.warm.lease_time import LeaseWatch


@dataclass(frozen=True)
class AskedCall(PlannedCall):
    """A call that somebody asked for, whose candidate's state was read just now.

    It is paid out of the share that the prefix's allowance grants starts for what may not be read,
    and says nothing of real traffic.

    Attributes
    ----------
    needed_until : float
        Epoch seconds until which the entry must live.
    usd_per_week : float
        What starts may spend on the prefix in a week where nobody granted any, in US dollars.
    waited : bool
        Whether somebody else's call was waited for.
    holder : LeaseWatch or None
        What was seen of the lease's holder meanwhile.
    """

    needed_until: float = 0.0
    usd_per_week: float = 0.0
    waited: bool = False
    holder: LeaseWatch | None = None

    @property
    def idle_refreshes(self) -> int:
        """As it was."""
        return self.candidate.state.traffic.idle_refreshes

    @property
    def fresh_state(self) -> State:
        """The state, as read just now."""
        return self.candidate.state

    @property
    def watch(self) -> LeaseWatch | None:
        """What was seen of the lease's holder."""
        return self.holder

    def options(self, by: str = KEEPWARM) -> CallOptions:
        """What `by` asks of the warm call."""
        return (
            super()
            .options(by)
            .replace(
                needed_until=self.needed_until,
                latest_start=None,
                idle_refreshes=None,
                usd_per_week=self.usd_per_week,
                waited=self.waited,
            )
        )

    def account_after(self, called: Candidate, now: float) -> Account | None:
        """What is noted after a call that worked for all versions, without a grant.

        A grant is what the share lacks, and the lease has taken from it since the state was read.
        """
        account = super().account_after(called, now)
        return account and account.replace(granted_usd=None)
