"""Values for keep-warm's operations on states, routes and ledgers; starts do not load them."""

from __future__ import annotations

from prefixwarm.state.model import LEAST_USD
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.errors import StateItemError
    from prefixwarm.state.warm_state import State


LEDGER_SECONDS = 400 * 86400


class DueStates(Record):
    """States whose next check is due, longest waiting first, and items that are not states."""

    states: list[State]
    unreadable: list[StateItemError]


class Registration(Record):
    """A prefix in the manifest at time `at`; `due_at` applies only if no check is scheduled yet."""

    name: str
    at: float
    due_at: float
    object: str = ""


class Check(Record):
    """A decision of the keep-warm function, stored for `explain`."""

    at: float
    due_at: float
    reason: str
    idle_refreshes: int | None = None
    learned: str | None = None
    wanted_ttl: int | None = None
    rewrites: int | None = None
    tripped_until: float | None = None


class Account(Record):
    """Changes that the keep-warm function makes for all versions of a prefix; None: no change.

    `observed`: the agent's requests are observed. `granted_usd` is added to what starts may spend
    until `granted_until`; it is a difference, so concurrent spending by starts is kept.
    """

    at: float
    learned: str | None = None
    observed: bool = False
    granted_usd: float | None = None
    granted_until: float = 0.0


class HandOver(Record):
    """A version of a prefix replaces another and continues its account.

    `learned` is what the new version starts with, `left` what the old one keeps. `old` is empty for
    the first version. `init_spent_usd` is added to what starts have spent. `agent_ttl` is the TTL
    (seconds) that requests of earlier versions asked for; None if unknown.
    """

    at: float
    old: str
    new: str
    learned: str
    left: str
    init_spent_usd: float = 0.0
    agent_ttl: int | None = None


class RoutePause(Record):
    """Until when no prefix is sent on a route, and why."""

    until: float
    reason: str


class Settlement(Record):
    """The part of a state's lifetime sums not yet in the ledgers: callers other than keep-warm."""

    others_usd: float
    saves: int
    saved_usd: float

    @classmethod
    def of(cls, state: State) -> Settlement | None:
        """What remains to be settled; None if nothing does."""
        settlement = cls(
            others_usd=state.money.spent_usd
            - state.money.keepwarm_usd
            - state.money.settled_others_usd,
            saves=state.money.saves - state.money.settled_saves,
            saved_usd=state.money.saved_usd - state.money.settled_saved_usd,
        )
        return settlement if settlement.saves or settlement.others_usd > LEAST_USD else None


class Limits(Record):
    """Daily limits in US dollars, for the whole deployment and for one prefix; None: no limit.

    `own_tokens` is the prefix's limit in tokens.
    """

    total_usd: float | None = None
    own_usd: float | None = None
    own_tokens: int | None = None


class Reservation(Record):
    """US dollars reserved in a day's ledgers before they are spent.

    `key` is the prefix's state and `total` the deployment's ledger, which may be the same; `at` is
    epoch seconds; `tokens` count only in the ledger of `key`. If the holder is killed before it
    settles, the reservation counts as spent.
    """

    key: str
    total: str
    day: str
    at: float
    usd: float
    tokens: int = 0


class Ledger(Record):
    """One day of one prefix, or of the whole deployment.

    `outcomes` and `spent_usd` count the keep-warm function's calls; `unpriced` of them had an
    unknown price. `others_usd` is what the init phase and the command line spent, and `saved_usd`
    what `saves` observed session starts saved, as settled on that day. `committed_usd` is what was
    spent or is reserved, and what budgets are checked against; `committed_tokens` is the same for
    budgets in tokens.
    """

    key: str
    day: str
    outcomes: dict[str, int]
    spent_usd: float = 0.0
    unpriced: int = 0
    others_usd: float = 0.0
    saves: int = 0
    saved_usd: float = 0.0
    committed_usd: float = 0.0
    committed_tokens: int = 0

    @property
    def net_usd(self) -> float | None:
        """Savings minus all spending; None while some of the spending is unknown."""
        return None if self.unpriced else self.saved_usd - self.spent_usd - self.others_usd
