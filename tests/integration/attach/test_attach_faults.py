"""What fails in the middle of attaching is put back, whatever call it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from prefixwarm.attach.detaching import detachment
from prefixwarm.errors import DeploymentError
from tests.helpers.effort import chosen
from tests.integration.attach.conftest import AGENT, OWN

if TYPE_CHECKING:
    from tests.integration.attach.conftest import Account

# Attaching makes so many calls that change something: tags, policy, layer, configuration, tags.
CHANGES = 5
# Which of them fail here: before AWS has made the change, or after.
FAULTS = chosen(
    dev=[(1, False), (3, True), (4, True)],
    ci=[(at, at % 2 == 0) for at in range(1, CHANGES + 1)],
    full=[(at, lost) for at in range(1, CHANGES + 1) for lost in (False, True)],
)
READS = ("Get", "List", "Describe")


class Interrupted(boto3.Session):
    """A session of which one change fails, before AWS takes it or after.

    Parameters
    ----------
    at
        The number of the change that fails.
    lost
        Whether AWS has made it, and the answer alone is lost.
    onwards
        Whether every later call fails as well, as without a network.
    """

    def __init__(self, at: int, *, lost: bool = False, onwards: bool = False) -> None:
        super().__init__()
        self.at = at
        self.lost = lost
        self.onwards = onwards
        self.changes = 0
        self.failed = ""

    def client(self, service_name: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]
        """With the fault built in."""
        client = super().client(service_name, *args, **options)
        client.meta.events.register("before-call", self._before)
        client.meta.events.register("after-call", self._after)
        return client

    def _before(self, model: Any, **_: Any) -> None:
        if self.failed and self.onwards:
            raise EndpointConnectionError(endpoint_url="https://lambda")
        if model.name.startswith(READS):
            return
        self.changes += 1
        if self.changes == self.at and not self.lost:
            self._fail(model)

    def _after(self, model: Any, **_: Any) -> None:
        if self.lost and self.changes == self.at and not self.failed:
            self._fail(model)

    def _fail(self, model: Any) -> None:
        self.failed = model.name
        error = {"Error": {"Code": "ServiceException", "Message": "as asked"}}
        raise ClientError(error, model.name)  # type: ignore[arg-type]


@pytest.mark.parametrize(("at", "lost"), FAULTS)
def test_a_first_attach_is_put_back(account: Account, at: int, lost: bool) -> None:
    """Every trace of it."""
    before = account.seen()
    session = Interrupted(at, lost=lost)
    with pytest.raises(DeploymentError, match=r"as asked; everything is as it was before$"):
        account.attach(session=session)
    assert session.failed
    assert account.seen() == before


def test_there_are_no_more_changes(account: Account) -> None:
    """Each of them fails in the tests above."""
    session = Interrupted(0)
    account.attach(session=session)
    assert session.changes == CHANGES


@pytest.mark.parametrize(("at", "lost"), FAULTS)
def test_an_update_is_put_back(account: Account, at: int, lost: bool) -> None:
    """To what the earlier one attached, which is detached as ever."""
    first = account.seen()
    account.attach(own={"PREFIXWARM_INIT_HOLD_MS": "900"})
    before = account.seen()
    session = Interrupted(at, lost=lost)
    with pytest.raises(DeploymentError, match="everything is as it was before"):
        account.attach(session=session, prefixes=["support"], own={"PREFIXWARM_GATE_MS": "700"})
    assert account.seen() == before
    detachment(AGENT, boto3.Session()).apply(boto3.Session())
    assert account.seen() == first


@pytest.mark.parametrize(("at", "lost"), FAULTS)
def test_what_cannot_be_put_back_is_detached(account: Account, at: int, lost: bool) -> None:
    """The network is gone in the middle; the line says what is left, and what takes it off."""
    before = account.seen()
    session = Interrupted(at, lost=lost, onwards=True)
    with pytest.raises(DeploymentError, match="not undone: ") as caught:
        account.attach(session=session)
    assert f"`prefixwarm detach {AGENT}` removes the rest" in str(caught.value)
    if account.seen() != before:
        detachment(AGENT, boto3.Session()).apply(boto3.Session())
    assert account.seen() == before


@pytest.mark.parametrize(("at", "lost"), [(at, lost) for at, lost in FAULTS if at < CHANGES])
def test_a_detach_that_failed_is_done_again(account: Account, at: int, lost: bool) -> None:
    """It takes off the rest."""
    before = account.seen()
    account.attach()
    session = Interrupted(at, lost=lost)
    with pytest.raises(DeploymentError, match="as asked"):
        detachment(AGENT, session).apply(session)
    # The record goes last: where its answer alone was lost, nothing is left.
    if account.seen() != before:
        detachment(AGENT, boto3.Session()).apply(boto3.Session())
    assert account.seen() == before


def test_what_others_change_meanwhile_is_kept(account: Account) -> None:
    """Memory, layers, variables and tags: of all that, only ours goes."""
    account.attach()
    arn = account.seen()["configuration"]["FunctionArn"]
    own, layer = account.layers
    theirs = account.layer("more")
    account.update(
        MemorySize=1024,
        Layers=[theirs, layer, own],
        Environment={"Variables": {**account.environment, "STAGE": "test", "NEW": "1"}},
    )
    account.client("lambda").tag_resource(Resource=arn, Tags={"cost": "7"})
    detachment(AGENT, boto3.Session()).apply(boto3.Session())
    after = account.seen()
    assert after["configuration"]["MemorySize"] == 1024
    assert account.layers == [theirs, own]
    assert account.environment == {**OWN, "STAGE": "test", "NEW": "1"}
    assert after["tags"] == {"team": "shop", "cost": "7"}
    assert set(after["policies"]) == {"own"}
    assert after["layers"] == []


def test_another_deployment_took_it_off(account: Account) -> None:
    """Whoever deploys the function anew may do that: attaching again brings it back."""
    before = account.seen()
    account.attach()
    account.update(Layers=account.layers[:1], Environment={"Variables": OWN})
    account.attach()
    assert account.environment["PREFIXWARM_TABLE"] == "warm"
    assert len(account.layers) == 2
    account.update(Layers=account.layers[:1], Environment={"Variables": OWN})
    detachment(AGENT, boto3.Session()).apply(boto3.Session())
    assert account.seen() == before


def test_another_role_took_its_place(account: Account) -> None:
    """The grants move to it, and leave the one before."""
    account.attach()
    account.function("other", {})
    iam = account.client("iam")
    account.update(Role=iam.get_role(RoleName="other-role")["Role"]["Arn"])
    account.attach()
    policies = {
        role: iam.list_role_policies(RoleName=role)["PolicyNames"]
        for role in (f"{AGENT}-role", "other-role")
    }
    assert policies == {f"{AGENT}-role": ["own"], "other-role": [f"prefixwarm-{AGENT}"]}


def test_somebody_updates_the_function_at_the_same_time(account: Account) -> None:
    """Their change is neither lost nor refused: what is attached is based on it."""

    class Racing(boto3.Session):
        raced = False

        def client(self, service_name: Any, *args: Any, **options: Any) -> Any:  # type: ignore[override]
            client = super().client(service_name, *args, **options)
            client.meta.events.register("before-call", self._race)
            return client

        def _race(self, model: Any, **_: Any) -> None:
            if model.name == "UpdateFunctionConfiguration" and not self.raced:
                self.raced = True
                account.update(Environment={"Variables": {**OWN, "STAGE": "race"}})

    session = Racing()
    account.attach(session=session)
    assert session.raced
    assert account.environment["STAGE"] == "race"
    assert account.environment["PREFIXWARM_TABLE"] == "warm"
