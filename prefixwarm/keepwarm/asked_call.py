"""A requested call: no policy plans it, and it is paid from the starts' share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.planned_call import PlannedCall
from prefixwarm.state.model import KEEPWARM

if TYPE_CHECKING:
    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.state.keepwarm_model import Account
    from prefixwarm.warm.attempt import CallOptions


@dataclass(frozen=True)
class AskedCall(PlannedCall):
    """A requested call whose candidate's state was read just now.

    It is paid from the share of the prefix's allowance for starts, and does not count as real
    traffic.

    Attributes
    ----------
    needed_until : float
        Epoch seconds until which the entry must live.
    usd_per_week : float
        What starts may spend on the prefix per week without a grant, in US dollars.
    waited : bool
        Whether another caller's call was waited for.
    """

    needed_until: float = 0.0
    usd_per_week: float = 0.0
    waited: bool = False

    @property
    def idle_refreshes(self) -> int:
        """The unchanged count."""
        return self.candidate.state.traffic.idle_refreshes

    def options(self, by: str = KEEPWARM) -> CallOptions:
        """The options of the warm call made by `by`."""
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
        """The account change after a successful call, without a grant.

        A grant fills the share, but the lease has taken from the share since the state was read.
        """
        account = super().account_after(called, now)
        return account and account.replace(granted_usd=None)
