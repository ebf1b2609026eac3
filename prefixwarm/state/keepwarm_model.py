"""What keep-warm does to warm states, routes and ledgers, as values; starts need none of them."""

from __future__ import annotations

from prefixwarm.state.model import LEAST_USD
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from prefixwarm.errors import StateItemError
    from prefixwarm.state.warm_state import State


LEDGER_SECONDS = 400 * 86400


class DueStates(Record):
    """States whose next check is due, the longest waiting first, and items that hold none."""

    states: list[State]
    unreadable: list[StateItemError]


class Registration(Record):
    """A prefix of the manifest at the time `at`; `due_at` counts where none is known yet."""

    name: str
    at: float
    due_at: float
    object: str = ""


class Check(Record):
    """A decision of the keep-warm function, kept for `explain`."""

    at: float
    due_at: float
    reason: str
    idle_refreshes: int | None = None
    learned: str | None = None
    wanted_ttl: int | None = None
    rewrites: int | None = None
    tripped_until: float | None = None


class Account(Record):
    """What the keep-warm function notes for all versions of a prefix; None is what stays.

    `observed`: the agent's requests are observed. `granted_usd` is added to what starts may spend,
    which then holds until `granted_until`. It is a difference, so that what starts take meanwhile
    counts.
    """

    at: float
    learned: str | None = None
    observed: bool = False
    granted_usd: float | None = None
    granted_until: float = 0.0


class HandOver(Record):
    """A version of a prefix takes the place of another, and goes on with its account.

    `learned` is what the new one begins with, `left` what the old one keeps. `old` is empty for the
    first version. `init_spent_usd` is added to what starts have taken.
    """

    at: float
    old: str
    new: str
    learned: str
    left: str
    init_spent_usd: float = 0.0


class RoutePause(Record):
    """Until when nothing is sent on a route, for all of its prefixes, and why."""

    until: float
    reason: str


class Settlement(Record):
    """What a state's lifetime sums say that the ledgers do not: money of others than keep-warm."""

    others_usd: float
    saves: int
    saved_usd: float

    @classmethod
    def of(cls, state: State) -> Settlement | None:
        """What is to be settled; None when nothing is."""
        settlement = cls(
            others_usd=state.money.spent_usd
            - state.money.keepwarm_usd
            - state.money.settled_others_usd,
            saves=state.money.saves - state.money.settled_saves,
            saved_usd=state.money.saved_usd - state.money.settled_saved_usd,
        )
        return settlement if settlement.saves or settlement.others_usd > LEAST_USD else None


class Limits(Record):
    """US dollars that a day may cost: all prefixes of the deployment, and one; None is no limit.

    `own_tokens` is the same in tokens, of the one alone.
    """

    total_usd: float | None = None
    own_usd: float | None = None
    own_tokens: int | None = None


class Reservation(Record):
    """US dollars set aside in a day's ledgers before they are spent.

    `key` is the prefix's state and `total` the ledger of all, which may be the same; `at` is epoch
    seconds; `tokens` are counted in the ledger of `key` alone. A reservation that was never spent,
    because its holder was killed, counts as spent.
    """

    key: str
    total: str
    day: str
    at: float
    usd: float
    tokens: int = 0


class Ledger(Record):
    """One day of one prefix, or of all.

    `outcomes` and `spent_usd` are of the keep-warm function's calls, of which `unpriced` had an
    unknown price; `others_usd` is what the init phase and the command line spent, and
    `saved_usd` what `saves` observed session starts saved, as settled on that day.
    `committed_usd` is what was spent or is reserved, and what budgets are asked with;
    `committed_tokens` is the same of a budget in tokens.
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
        """Saved less spent by anyone; None while some of the spending is unknown."""
        return None if self.unpriced else self.saved_usd - self.spent_usd - self.others_usd
