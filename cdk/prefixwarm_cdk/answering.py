"""Lets others use a warmer: ask for warm calls, or keep budgets in its table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.attach.grants import Grant
from prefixwarm.errors import UsageError
from prefixwarm.settings import INIT_USD_PER_WEEK, Settings
from prefixwarm_cdk import kinds
from prefixwarm_cdk.access import allow
from prefixwarm_cdk.inputs import takes
from prefixwarm_cdk.warmer_metrics import MetricsOfWarmer

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_events as events
    from aws_cdk import aws_iam as iam

    from prefixwarm_cdk.function import KeepWarmFunction


_GRANTEE = {"grantee": kinds.construct("grant_principal", "a role or a function")}
_EVENT_BUS = {"event_bus": kinds.construct("event_bus_arn", "events.EventBus(...)")}


class AnsweringWarmer(MetricsOfWarmer):
    """A construct whose keep-warm function accepts asks for warm calls."""

    keep_warm: KeepWarmFunction | None
    table: dynamodb.Table
    _usd_of_asks = Settings.init_usd_per_week

    @takes("grant_ask", _GRANTEE)
    def grant_ask(self, grantee: iam.IGrantable) -> None:
        """Allow a grantee to ask the keep-warm function for warm calls (docs/ask.md).

        Raises
        ------
        UsageError
            There is no keep-warm function.
        """
        self._to_be_asked().grant_invoke(grantee)

    @takes("answer_events", _EVENT_BUS)
    def answer_events(self, event_bus: events.IEventBus | None = None) -> events.Rule:
        """Accept asks as events of the source ``prefixwarm.ask`` on an event bus.

        Parameters
        ----------
        event_bus
            Default: the account's default bus.

        Raises
        ------
        UsageError
            There is no keep-warm function.
        """
        return self._to_be_asked().answer_events(event_bus)

    @takes("grant_cost_gate", _GRANTEE)
    def grant_cost_gate(self, grantee: iam.IGrantable) -> None:
        """Allow a grantee to keep a `CostGate` in the table, including this budget's.

        It may use the ledgers of gates and of the deployment, and nothing else.
        """
        keys = ["ledger/gate/*", f"ledger/{self._deployment}/*"]
        own = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}}
        actions = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
        allow(grantee, Grant(actions, [self.table.table_arn], own))
        if self.table.encryption_key:
            self.table.encryption_key.grant_encrypt_decrypt(grantee)

    def _allow_asks(self, usd_per_week: float) -> None:
        """Raise the limit of asks to what an attached function allows its starts, if higher."""
        if self.keep_warm and usd_per_week > self._usd_of_asks:
            self._usd_of_asks = usd_per_week
            self.keep_warm.configure({INIT_USD_PER_WEEK: f"{usd_per_week}"})

    def _to_be_asked(self) -> KeepWarmFunction:
        if self.keep_warm is None:
            raise UsageError(
                f"{self.node.path}: there is no keep-warm function to ask; pass another rule than "
                "PrefixWarmer(keep_warm=KeepWarm.off())"
            )
        return self.keep_warm
