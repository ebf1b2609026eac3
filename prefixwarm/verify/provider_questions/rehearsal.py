"""Asks the simulator the same questions: what a run costs, before it costs anything."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from prefixwarm.local.simulated_provider import addresses
from prefixwarm.provider.routes import AWS_WORKSPACE_ID, ROUTES
from prefixwarm.simulator import Principal, running
from prefixwarm.verify.provider_questions.provider_caller import Caller, Clock
from prefixwarm.verify.provider_questions.question_run import QuestionRun
from prefixwarm.verify.provider_questions.spending import Spending
from prefixwarm.warm.connections import connect
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from prefixwarm.simulator import Simulator
    from prefixwarm.verify.provider_questions.question_run import Asked

_KEYS = {"first": Principal(), "second": Principal(workspace="wrkspc_second")}
_NO_CAP = Decimal("Infinity")


def simulated(**switches: Any) -> AbstractContextManager[Simulator]:
    """A provider with two workspaces, whose time stands still."""
    return running("manual", keys=_KEYS, **switches)


def environment(simulator: Simulator, route: str, key: str = "first") -> dict[str, str]:
    """What leads to the simulator on a route, in the workspace of a key."""
    return {
        **addresses(simulator),
        ROUTES[route].key_variables[0]: key,
        "AWS_REGION": "us-east-1",
        AWS_WORKSPACE_ID: _KEYS[key].workspace,
    }


def simulated_caller(
    simulator: Simulator,
    route: str,
    model: str,
    cap: Decimal = _NO_CAP,
    keys: tuple[str, ...] = tuple(_KEYS),
) -> AbstractContextManager[Caller]:
    """Asks the simulator, from the workspaces of these keys."""
    connections = [
        connect(environment(simulator, route, key), credentials=_no_credentials) for key in keys
    ]
    spending = Spending(cap, model, route)
    clock = Clock(simulator.now, simulator.advance)
    return closing(Caller(route, model, connections, spending, clock))


def rehearse(route: str, model: str, *, slow: bool, second: bool) -> tuple[list[Asked], Decimal]:
    """What the simulator says to all questions, and what that would have cost in US dollars.

    Raises
    ------
    UsageError
        When the model's price is unknown, or the route does not have the model.
    """
    keys = tuple(_KEYS) if second else ("first",)
    with (
        simulated() as simulator,
        simulated_caller(simulator, route, model, keys=keys) as caller,
    ):
        asked = QuestionRun(caller, slow=slow).all()
    return asked, caller.spending.spent


def _no_credentials(_: object) -> AwsCredentials:
    return AwsCredentials(access_key="first", secret_key="local")  # noqa: S106
