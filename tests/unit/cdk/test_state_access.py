"""Which items of the state the synthesised roles may touch, decided as IAM does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from iam import Role, roles_of

from prefixwarm.keepwarm.budget import total_key
from prefixwarm.keepwarm.route_breaker import route_key
from prefixwarm.state.keepwarm_items import ledger_key
from prefixwarm.state.model import entry_key
from prefixwarm_cdk import Credentials

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MODEL = "claude-sonnet-5-5"
EARLIER = "sha256:" + "0" * 64
WORK = ("dynamodb:GetItem", "dynamodb:UpdateItem")


def key(name: str, scope: str = "default", route: str = "anthropic", region: str = "") -> str:
    """The key of a state of that prefix, in some version."""
    return entry_key(route, region, scope, name, MODEL, EARLIER)


@dataclass(frozen=True)
class Access:
    """The roles of a template, and its table."""

    agent: Role
    keep_warm: Role
    table: str

    @classmethod
    def of(cls, template: Any) -> Access:
        """Of a template with one agent."""
        by_name = roles_of(template.to_json())
        (table,) = template.find_resources("AWS::DynamoDB::Table")
        starts = ("AgentServiceRole", "WarmKeepWarmRole")
        roles = [next(r for name, r in by_name.items() if name.startswith(s)) for s in starts]
        return cls(*roles, table=f"arn:of:{table}")


@pytest.fixture(scope="module")
def access(
    make_bench: Any, write_prefix: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Access:
    """A warmer of two prefixes, and an agent that has one of them."""
    bench = make_bench(tmp_path_factory.mktemp("access"))
    sales = write_prefix("sales", text="You sell bicycles. " * 300)
    warmer = bench.warmer(prefixes=[bench.prefix, sales])
    warmer.attach(bench.function(), prefixes=["support"])
    return Access.of(bench.template())


@pytest.mark.parametrize("action", WORK)
def test_the_agent_reaches_its_own_states(access: Access, action: str) -> None:
    """Of every version, so that a rolled back function still finds its own."""
    assert access.agent.may(action, access.table, dynamodb_LeadingKeys=[key("support")])


FOREIGN = {
    "another prefix": key("sales"),
    "a longer name": key("support-2"),
    "another workspace": key("support", scope="team"),
    "another route": key("support", route="bedrock", region="eu-west-1"),
    "a ledger": ledger_key(key("support"), "2026-11-21"),
    "the total": ledger_key(total_key("Warmer-Warm"), "2026-11-21"),
    "a route's pause": route_key("anthropic", "", "default"),
}


@pytest.mark.parametrize("action", WORK)
@pytest.mark.parametrize("what", FOREIGN)
def test_the_agent_reaches_nothing_else(access: Access, what: str, action: str) -> None:
    """Neither alone nor together with its own."""
    foreign = FOREIGN[what]
    assert not access.agent.may(action, access.table, dynamodb_LeadingKeys=[foreign])
    both = [key("support"), foreign]
    assert not access.agent.may(action, access.table, dynamodb_LeadingKeys=both)


@pytest.mark.parametrize(
    "action",
    ["BatchGetItem", "DeleteItem", "PutItem", "Query", "Scan", "TransactWriteItems"],
)
def test_the_agent_does_nothing_else(access: Access, action: str) -> None:
    """Not even to its own items, nor to the index."""
    own, at = [key("support")], access.table
    for resource in (at, f"{at}/index/due"):
        request = (f"dynamodb:{action}", resource)
        assert not access.agent.may(*request, dynamodb_LeadingKeys=own)
        assert not access.agent.may(*request)


def test_the_agent_reaches_no_other_table(access: Access) -> None:
    """The grant names one."""
    own = [key("support")]
    assert not access.agent.may("dynamodb:GetItem", "arn:of:Other", dynamodb_LeadingKeys=own)


@pytest.mark.parametrize("what", FOREIGN)
def test_the_keep_warm_function_reaches_all(access: Access, what: str) -> None:
    """It keeps the books."""
    for action in WORK:
        assert access.keep_warm.may(action, access.table, dynamodb_LeadingKeys=[FOREIGN[what]])


def test_on_the_aws_routes_the_region_is_part_of_it(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """Caches are per region there."""
    path = write_prefix(route="bedrock", model=f"anthropic.{MODEL}")
    warmer = bench.warmer(prefixes=[path], credentials=Credentials.function_role())
    warmer.attach(bench.function())
    access = Access.of(bench.template())
    here, there = (key("support", route="bedrock", region=r) for r in ("eu-west-1", "us-east-1"))
    assert access.agent.may("dynamodb:GetItem", access.table, dynamodb_LeadingKeys=[here])
    assert not access.agent.may("dynamodb:GetItem", access.table, dynamodb_LeadingKeys=[there])


@pytest.mark.parametrize("action", WORK)
def test_a_cost_gate_reaches_ledgers_alone(make_bench: Any, tmp_path: Path, action: str) -> None:
    """Those of gates, and of the deployment that it shares its budget with."""
    bench = make_bench(tmp_path)
    warmer = bench.warmer()
    warmer.grant_cost_gate(bench.function(name="Gate"))
    template = bench.template()
    roles = roles_of(template.to_json())
    role = next(role for name, role in roles.items() if name.startswith("GateServiceRole"))
    (table,) = template.find_resources("AWS::DynamoDB::Table")
    arn = f"arn:of:{table}"
    own = [
        ledger_key("budget/gate/default", "2026-11-21"),
        ledger_key(total_key("Warmer-Warm"), "2026-11-21"),
    ]
    assert all(role.may(action, arn, dynamodb_LeadingKeys=[one]) for one in own)
    others = [
        key("support"),
        ledger_key(key("support"), "2026-11-21"),
        ledger_key(total_key("Other"), "2026-11-21"),
    ]
    assert not any(role.may(action, arn, dynamodb_LeadingKeys=[one]) for one in others)
