"""A deployment replaces a prefix while its earlier version still gets requests."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.observe.observation import Observation
from prefixwarm.observe.outbox import Outbox
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import PrefixFile, build, dumps
from prefixwarm.state.model import shared_key
from prefixwarm.state.outcome import Usage
from prefixwarm.wire.deadline import Deadline
from tests.helpers.agents import PRICES, request_of
from tests.helpers.derived import derive
from tests.integration.keepwarm.conftest import ticked

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.keepwarm.tick_report import TickReport
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0


def file_of(version: str, name: str = "support") -> PrefixFile:
    """One version of the prefix: its text changes, its name does not."""
    headers = {"anthropic-version": "2026-10-21"}
    return build(name, derive(request_of(version)), headers=headers, prices=PRICES)


class Canary:
    """One prefix whose versions are deployed one after the other."""

    def __init__(self, world: World) -> None:
        self.world = world

    def deploy(self, *versions: str, name: str = "support", **manifest: Any) -> TickReport:
        """Deploy these versions, the last one under its name; the first tick afterwards."""
        for version in versions:
            self.world.deploy_entries([self.entry(version, name)], **manifest)
            report = self.world.tick()
        return report

    def entry(self, version: str, name: str = "support") -> dict[str, Any]:
        """Its file is addressed by its content, as constructs and `layer package` do."""
        text = dumps(file_of(version, name))
        return self.world.upload(name, text) | {"object": self._put(text)}

    def key(self, version: str) -> str:
        """The key of a version's state."""
        call = compile_prefix(file_of(version))
        return call.key("default", self.world.environ)

    def state(self, version: str) -> State:
        """A version's state."""
        return self.world.runtime.dependencies.store.read(self.key(version), Deadline.after(60))

    def asks(self, *versions: str) -> None:
        """A real request to each version, observed in the agent."""
        outbox = Outbox(self.world.runtime.dependencies.store, "default", self.world.environ)
        for version in versions:
            started = self.world.sim.now()
            reply = self.world.agent_asks(version)
            usage = Usage.from_response(reply.to_dict())
            outbox.add(file_of(version), Observation("support", None, usage, started))
            outbox.send()

    def starts(self, version: str) -> None:
        """A function's environment starts with this version, for a request."""
        store, now = self.world.runtime.dependencies.store, self.world.sim.now()
        store.add_function(self.key(version), "support-agent", Deadline.after(60), now)

    def passes(self, hours: float) -> list[Outcome]:
        """Time passes; what was sent."""
        return sent(self.world.passes(hours * HOUR, 2 * MINUTE))

    def lives(self, version: str) -> bool:
        """Whether the provider still has it."""
        return (self.state(version).life.warm_until or 0) > self.world.sim.now()

    def _put(self, text: str) -> str:
        key = f"{sha256(text.encode()).hexdigest()}.prefix-support"
        self.world.put(key, text)
        return key


def sent(reports: Iterable[TickReport]) -> list[Outcome]:
    """The calls of these ticks."""
    return [outcome for report in reports for outcome in report.outcomes]


def forgotten(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why versions are not kept warm any more."""
    records = [record for record in caplog.records if record.message == "not kept warm any more"]
    return [vars(record)["why"] for record in records]


@pytest.fixture
def canary(long_lived: World) -> Canary:
    """Nothing is deployed yet."""
    return Canary(long_lived)


def test_both_versions_are_refreshed_while_both_are_read(canary: Canary) -> None:
    """A weighted alias: each version gets a request every two hours."""
    canary.deploy("old", "new")
    outcomes: list[Outcome] = []
    for _ in range(4):
        canary.asks("old", "new")
        outcomes += canary.passes(2)
    assert {outcome.kind for outcome in outcomes} == {"refreshed"}
    assert canary.lives("old")
    assert canary.lives("new")
    assert canary.state("old").last_decision.reason.startswith("superseded: ")
    assert not canary.state("new").last_decision.reason.startswith("superseded")
    assert canary.world.agent_asks("old").cache_read_input_tokens


def test_a_version_that_is_silent_is_forgotten(
    canary: Canary, caplog: pytest.LogCaptureFixture
) -> None:
    """After three hours, and so after three refreshes; the new one goes on by its policy."""
    canary.deploy("old")
    canary.asks("old")
    canary.deploy("new")
    outcomes = canary.passes(8)
    assert canary.state("old").last_decision.due_at is None
    assert not canary.lives("old")
    assert canary.lives("new")
    assert {outcome.kind for outcome in outcomes} == {"refreshed"}
    assert canary.state("old").money.calls == 1 + 3
    assert forgotten(caplog) == ["superseded, and not used for 3 hours"]


def test_invocations_of_the_function_do_not_speak_for_an_earlier_version(canary: Canary) -> None:
    """The metric does not tell versions apart; the starts of environments do."""
    canary.deploy("older", "old", "new")
    canary.starts("old")
    for _ in range(5):
        canary.world.invoked("support")
        canary.starts("old")
        canary.passes(1)
    assert canary.lives("old")
    assert canary.state("old").traffic.idle_refreshes <= 1
    assert (canary.state("older").last_decision.due_at, canary.state("older").money.calls) == (
        None,
        1,
    )


def test_after_a_rollback_the_old_version_is_the_current_one_again(canary: Canary) -> None:
    """Without a write, as it still lives; what was rolled back is superseded now."""
    canary.deploy("old", "new")
    canary.asks("old", "new")
    canary.passes(0.5)
    assert canary.deploy("old").outcomes == []
    assert [outcome.kind for outcome in canary.passes(1)] == ["refreshed", "refreshed"]
    assert not canary.state("old").last_decision.reason.startswith("superseded")
    assert canary.state("new").last_decision.reason.startswith("superseded: ")


def test_a_rollback_after_the_old_version_was_forgotten(canary: Canary) -> None:
    """It is on the list again, and its policy decides."""
    canary.deploy("old")
    canary.deploy("new")
    canary.passes(8)
    assert canary.state("old").last_decision.due_at is None
    canary.deploy("old")
    assert canary.state("old").last_decision.due_at is not None


def test_a_removed_prefix_is_forgotten_with_all_its_versions(canary: Canary) -> None:
    """Although requests still come."""
    canary.deploy("old", "new")
    canary.world.deploy("sales")
    canary.asks("old", "new")
    outcomes = [*sent([canary.world.tick()]), *canary.passes(2)]
    assert {outcome.name for outcome in outcomes} == {"sales"}
    assert canary.state("old").last_decision.due_at is None
    assert canary.state("new").last_decision.due_at is None


def test_an_earlier_version_that_has_lapsed_is_not_written(canary: Canary) -> None:
    """Its own request writes it; then it is refreshed again."""
    canary.deploy("old", "new", policy={"rule": "always"})
    canary.asks("old", "new")
    canary.world.sim.advance(61 * MINUTE)
    canary.world.tick()
    assert canary.state("old").last_decision.reason.startswith("superseded: cold")
    written = len([call for call in canary.world.warm_calls() if "old" in str(call["body"])])
    canary.passes(0.5)
    assert len([c for c in canary.world.warm_calls() if "old" in str(c["body"])]) == written
    assert canary.world.agent_asks("old").cache_creation_input_tokens
    canary.asks("old")
    canary.passes(1)
    assert canary.lives("old")


def test_a_promised_minute_does_not_write_an_earlier_version(canary: Canary) -> None:
    """The rule is for what is deployed."""
    policy = {"rule": "ski", "before": "12:00"}
    canary.deploy("old", "new", policy=policy)
    canary.asks("old", "new")
    canary.world.sim.advance(61 * MINUTE)
    kinds = {(o.kind, o.started_at) for o in canary.passes(24)}
    assert [kind for kind, _ in kinds if kind == "written"] == ["written"]
    assert canary.state("old").money.calls == 1


def test_a_file_that_was_collected_is_forgotten_in_one_line(
    canary: Canary, caplog: pytest.LogCaptureFixture
) -> None:
    """CDK's garbage collection may remove what no stack names any more; nothing fails."""
    canary.deploy("old")
    canary.asks("old")
    canary.world.tick()
    canary.deploy("new")
    s3 = canary.world.aws.client("s3")
    s3.delete_object(Bucket="assets", Key=canary.state("old").deployment.object)
    reports = canary.world.passes(3 * HOUR, 2 * MINUTE)
    assert canary.state("old").last_decision.due_at is None
    assert {report.broken for report in reports} == {0}
    (noted,) = forgotten(caplog)
    assert noted.startswith("superseded, and its file cannot be used: s3://assets/")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_a_file_that_now_holds_another_version_is_not_sent(canary: Canary) -> None:
    """Where files are not addressed by their content."""
    canary.deploy("old")
    canary.asks("old")
    canary.world.tick()
    canary.deploy("new")
    canary.world.put(canary.state("old").deployment.object, dumps(file_of("new")))
    canary.passes(1)
    assert (canary.state("old").last_decision.due_at, canary.state("old").money.calls) == (None, 1)


def test_the_two_versions_that_were_used_last_are_kept(canary: Canary) -> None:
    """However many deployments there are within three hours."""
    canary.deploy("a", "b", "c", "d")
    for version in ("a", "b", "c", "d"):
        canary.asks(version)
        canary.world.sim.advance(1)
    canary.passes(2.5)
    assert [canary.lives(version) for version in "abcd"] == [False, True, True, True]


def test_an_environment_of_the_last_deployment_forgets_nothing_new(canary: Canary) -> None:
    """It may run beside the new one for a while, a worker longer than a tick."""
    canary.deploy("old")
    before = canary.world.runtime
    canary.deploy("new")
    canary.world.sim.advance(58 * MINUTE)
    due = canary.state("new").last_decision.due_at
    ticked(before)
    assert due is not None
    assert canary.state("new").last_decision.due_at == due


@pytest.mark.parametrize(
    ("environ", "manifest"),
    [
        ({"PREFIXWARM_DISABLED": "1"}, {}),
        ({}, {"budget_usd_per_day": 1e-6}),
        ({}, {"policy": "never"}),
    ],
)
def test_what_stops_the_others_stops_earlier_versions(
    canary: Canary, environ: dict[str, str], manifest: dict[str, Any]
) -> None:
    """Switches, budgets and policies."""
    canary.deploy("old")
    canary.world.environ.update(environ)
    canary.deploy("new", **manifest)
    canary.asks("old")
    assert canary.passes(2) == []


def test_deployments_without_traffic_share_one_allowance(canary: Canary) -> None:
    """Each changes the prompt; the first one is written, and no other in that week."""
    for version in ("one", "two", "three", "four"):
        canary.deploy(version, policy="auto")
        canary.world.passes(2 * HOUR, HOUR)
    assert [request["ttl"] for request in written(canary)] == ["1h"]


def test_a_version_in_use_hands_its_account_on(canary: Canary) -> None:
    """It has earned the write of the next one."""
    canary.deploy("old", policy="auto")
    for _ in range(6):
        canary.world.passes(30 * MINUTE, 10 * MINUTE)
        canary.asks("old")
    canary.world.passes(2 * MINUTE)
    assert canary.state("old").traffic.start_hits == 6
    report = canary.deploy("new", policy="auto")
    assert [outcome.kind for outcome in report.outcomes] == ["written"]
    store, soon = canary.world.runtime.dependencies.store, Deadline.after(60)
    shared = store.read(shared_key(canary.key("new")), soon)
    assert shared.deployment.current == canary.key("new")
    assert (shared.last_decision.learned != "", canary.state("new").last_decision.learned) == (
        True,
        "",
    )
    assert canary.state("old").last_decision.learned not in ("", shared.last_decision.learned)


def test_a_rollback_goes_on_with_the_account_of_the_version_between(canary: Canary) -> None:
    """Back and forth: the first write of the week is spent once."""
    for version in ("one", "two", "one", "two", "three"):
        canary.deploy(version, policy="auto")
        canary.world.passes(2 * HOUR, HOUR)
    assert len(written(canary)) == 1


def written(canary: Canary) -> list[dict[str, Any]]:
    """Warm calls that wrote, with the TTL that they asked for."""
    calls = canary.world.warm_calls()
    return [
        {"ttl": call["body"]["system"][0]["cache_control"]["ttl"]}
        for call in calls
        if call["usage"]["cache_creation_input_tokens"]
    ]
