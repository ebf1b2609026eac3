"""The extension in the init phase, under AWS's emulator, with a real table and provider."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from extension_bench import PLAIN, TABLE, write_prefix

from prefixwarm.state.model import shared_key
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from extension_bench import Bench

    from prefixwarm.local.emulated_function import Function

OTHER_EXTENSION = r"""#!/bin/bash
call() {
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
    printf '%s /2020-01-01/extension/%s HTTP/1.0\r\n%s\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "$3" "${#4}" "$4" >&3
    cat <&3
    exec 3>&-
}
id=$(call POST register "Lambda-Extension-Name: ${0##*/}" '{"events":["INVOKE","SHUTDOWN"]}' |
    tr -d '\r' | sed -n 's/^Lambda-Extension-Identifier: //Ip')
while event=$(call GET event/next "Lambda-Extension-Identifier: $id" ''); do
    [[ $event == *SHUTDOWN* ]] && exit
    echo "other: $(grep -o INVOKE <<<"$event" | head -1)"
done
"""
# The emulator never answers the runtime's restore call: only the extension hears of SnapStart.
HIDE_SNAP_START = '#!/bin/sh\nAWS_LAMBDA_INITIALIZATION_TYPE=on-demand exec "$@"\n'


def program(path: Path, text: str) -> Path:
    """An executable file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_cold_start_writes_and_the_first_request_reads(bench: Bench) -> None:
    """One warm call, before the function's first request; the state knows of it."""
    started = bench.start(bench.asking())
    (call,) = bench.warm_calls()
    (state,) = bench.states()
    assert started.answer.payload["cache_creation_input_tokens"] == 0
    assert started.answer.payload["cache_read_input_tokens"] > 5000
    assert (started.line["outcome"], started.line["prefix"]) == ("written", "support")
    assert started.line["decision"].startswith("held until the reply: how long a write takes")
    assert started.line["message_id"] == call["message_id"]
    assert (state["outcome"], state["calls"], state["functions"]) == ("written", "1", ["function"])
    assert "lease_until" not in state


def test_a_warm_prefix_is_left_alone(bench: Bench) -> None:
    """The second environment asks the state and sends nothing."""
    function = bench.asking()
    bench.start(function)
    second = bench.start(function)
    assert len(bench.warm_calls()) == 1
    assert (second.line["outcome"], second.line["reason"]) == ("skipped", "warm")
    assert second.answer.payload["cache_creation_input_tokens"] == 0


def test_another_function_that_finds_the_prefix_warm_joins_it(bench: Bench) -> None:
    """So that the keep-warm function knows whose traffic counts."""
    bench.start(bench.asking())
    bench.start(replace(bench.asking(), name="another"))
    (state,) = bench.states()
    assert set(state["functions"]) == {"function", "another"}


def test_no_invocation_wakes_the_extension(bench: Bench) -> None:
    """It subscribes to SHUTDOWN alone."""
    started = bench.start(bench.plain())
    assert "External agent prefixwarm" in started.log
    assert "subscribed to [SHUTDOWN]" in started.log


def test_the_secret_is_fetched_where_the_environment_has_no_key(bench: Bench) -> None:
    """From Secrets Manager by its ARN; the log never shows it."""
    secrets = bench.aws.client("secretsmanager")
    arn = secrets.create_secret(Name=bench.scope, SecretString="sk-ant-from-the-secret")["ARN"]
    started = bench.start(bench.plain(ANTHROPIC_API_KEY="", PREFIXWARM_API_KEY_SECRET=arn))
    assert started.line["outcome"] == "written"
    assert "from-the-secret" not in started.log


@pytest.mark.parametrize(
    ("env", "reason"),
    [
        ({"PREFIXWARM_INIT": "off"}, "off by PREFIXWARM_INIT"),
        ({"PREFIXWARM_DISABLED": "1"}, "disabled by PREFIXWARM_DISABLED"),
        ({"PREFIXWARM_TABLE": ""}, "PREFIXWARM_TABLE is not set; PREFIXWARM_INIT=auto needs it"),
        ({"PREFIXWARM_INIT_HOLD_MS": "0"}, "first request will write: the hold is 0"),
    ],
)
def test_switched_off_it_does_nothing_and_says_why(
    bench: Bench, env: dict[str, str], reason: str
) -> None:
    """Neither the table nor the provider hears of it."""
    started = bench.start(bench.plain(**env))
    assert (started.line["outcome"], started.line["reason"]) == ("skipped", reason)
    assert bench.warm_calls() == []
    assert bench.states() == []


def test_always_warms_without_asking_the_table(bench: Bench) -> None:
    """Each start sends, and no state is kept."""
    function = bench.plain(PREFIXWARM_INIT="always", PREFIXWARM_TABLE="")
    outcomes = [bench.start(function).line["outcome"] for _ in range(2)]
    assert outcomes == ["written", "refreshed"]
    assert bench.states() == []


def test_always_tells_a_table_what_it_sent(bench: Bench) -> None:
    """So that the keep-warm function and `status` know of an entry that nobody asked about."""
    function = bench.plain(PREFIXWARM_INIT="always")
    outcomes = [bench.start(function).line["outcome"] for _ in range(2)]
    (state,) = bench.states()
    assert outcomes == ["written", "refreshed"]
    assert (state["calls"], state["functions"]) == ("2", ["function"])
    assert float(state["warm_until"]) == pytest.approx(time.time() + 3600, abs=600)
    assert "lease_until" not in state


def test_always_sends_even_when_the_table_cannot_be_told(bench: Bench) -> None:
    """The line says that it was not recorded."""
    function = bench.plain(PREFIXWARM_INIT="always", AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9")
    started = bench.start(function)
    assert started.line["outcome"] == "written"
    assert started.line["reason"].startswith("(not recorded: ")


def test_on_demand_the_function_is_not_held_longer_than_the_hold(bench: Bench) -> None:
    """The first request goes out, and writes, while the warm call still waits for its reply."""
    bench.provider.inject(kind="slow", seconds=1.5, match={"warm": True})
    started = bench.start(bench.asking(PREFIXWARM_INIT_HOLD_MS="100"))
    assert started.answer.status == 200
    assert started.line["reason"] == "the environment ended before the reply came"


def test_a_write_known_to_outlast_the_hold_is_not_sent(bench: Bench) -> None:
    """What the state remembers of the last write decides."""
    function = bench.plain(PREFIXWARM_INIT_HOLD_MS="400")
    bench.provider.inject(kind="slow", seconds=0.4, match={"warm": True})
    bench.start(bench.plain())
    client = bench.aws.client("dynamodb")
    (state,) = bench.states()
    client.update_item(
        TableName="warm-state",
        Key={"pk": {"S": state["pk"]}},
        UpdateExpression="SET warm_until = :gone",
        ExpressionAttributeValues={":gone": {"N": "1"}},
    )
    second = bench.start(function)
    assert second.line["outcome"] == "skipped"
    assert second.line["reason"].startswith("first request will write: a write takes 0.")
    assert len(bench.warm_calls()) == 1


def test_provisioned_concurrency_waits_for_the_reply(bench: Bench) -> None:
    """Nobody waits for that init phase, so the hold does not bound it; the agent is observed."""
    bench.provider.inject(kind="slow", seconds=0.4, match={"warm": True})
    kind, hold = "provisioned-concurrency", "100"
    unobserved = bench.start(replace(bench.plain(), init_type=kind))
    assert unobserved.line["outcome"] == "skipped"
    assert "while nobody observes the agent" in unobserved.line["reason"]
    (state,) = bench.states()
    bench.dynamodb.put_item(
        TableName=TABLE,
        Item={
            "pk": {"S": shared_key(state["pk"])},
            "traffic_by": {"S": "observed"},
            "init_allowance_usd": {"N": "1"},
            "init_until": {"N": "4000000000"},
        },
    )
    started = bench.start(replace(bench.asking(PREFIXWARM_INIT_HOLD_MS=hold), init_type=kind))
    assert started.line["outcome"] == "written"
    assert started.answer.payload["cache_read_input_tokens"] > 5000


def test_snap_start_publishes_without_a_warm_call(bench: Bench) -> None:
    """The init phase runs when publishing; a warm entry would be cold at the restore."""
    function = replace(
        bench.plain(AWS_LAMBDA_EXEC_WRAPPER="/var/task/wrapper"), init_type="snap-start"
    )
    program(function.code / "wrapper", HIDE_SNAP_START)
    started = bench.start(function)
    assert started.answer.status == 200
    assert started.line["reason"].startswith("snap-start: init runs when publishing")
    assert bench.warm_calls() == []


def managed(function: Function) -> Function:
    """The function as Managed Instances run it."""
    env = {**function.env, "AWS_LAMBDA_MAX_CONCURRENCY": "2"}
    return replace(function, init_type="lambda-managed-instances", env=env)


def test_managed_instances_are_registered_and_warmed(bench: Bench) -> None:
    """INVOKE would be refused there; the init phase waits for the whole reply."""
    started = bench.start(managed(bench.asking()))
    assert started.answer.payload["cache_read_input_tokens"] > 5000
    assert (started.line["outcome"], started.line["initialization"]) == (
        "written",
        "lambda-managed-instances",
    )


def test_managed_instances_are_kept_warm_by_the_extension_itself(bench: Bench) -> None:
    """An entry in the last minutes of its life is refreshed without any schedule."""
    bench.start(bench.plain())
    (state,) = bench.states()
    bench.dynamodb.update_item(
        TableName="warm-state",
        Key={"pk": {"S": state["pk"]}},
        UpdateExpression="SET warm_until = :soon, last_touch = :touch",
        ExpressionAttributeValues={
            ":soon": {"N": str(time.time() + 240)},
            ":touch": {"N": str(time.time() - 3360)},
        },
    )
    with bench.environment(managed(bench.plain())) as environment:
        environment.invoke()
        until(lambda: bench.states()[0]["calls"] != "1")
    (state,) = bench.states()
    assert (state["outcome"], state["idle"], state["calls"]) == ("refreshed", "1", "2")


def test_shutdown_ends_it_without_a_kill(bench: Bench) -> None:
    """It leaves at the SHUTDOWN event; the emulator has nobody to kill."""
    started = bench.start(bench.plain())
    assert "Killing" not in started.log
    assert "Extension.Crash" not in started.log


def test_it_lives_beside_other_extensions(bench: Bench, tmp_path: Path) -> None:
    """Another vendor's layer gets its events, and ours warms."""
    program(tmp_path / "other" / "extensions" / "another", OTHER_EXTENSION)
    function = bench.plain()
    function = replace(function, layers=(*function.layers, tmp_path / "other"))
    started = bench.start(function)
    assert started.line["outcome"] == "written"
    assert "other: INVOKE" in started.log


def test_every_prefix_is_warmed_side_by_side(bench: Bench) -> None:
    """That requests were seen to use: each has its own call, state and line."""
    names = ["billing", "returns", "support"]
    function = bench.with_prefixes(bench.asking("returns"), *names)
    bench.start(function)
    for state in bench.states():
        bench.dynamodb.update_item(
            TableName=TABLE,
            Key={"pk": {"S": state["pk"]}},
            UpdateExpression="SET matched_at = :at REMOVE warm_until",
            ExpressionAttributeValues={":at": {"N": "1"}},
        )
    bench.provider.reset()
    started = bench.start(function)
    assert sorted(line["prefix"] for line in started.lines) == names
    assert {line["outcome"] for line in started.lines} == {"written"}
    assert {state["name"] for state in bench.states()} == set(names)
    assert len(bench.warm_calls()) == 3
    assert started.answer.payload["cache_read_input_tokens"] > 5000


def test_prefix_files_beside_the_code_need_no_setting(bench: Bench) -> None:
    """``/var/task/prefixes`` is looked at like the layer's own folder."""
    function = bench.plain()
    write_prefix(function.code / "prefixes", "of-the-code")
    started = bench.start(function)
    assert sorted(line["prefix"] for line in started.lines) == ["of-the-code", "support"]


def test_a_second_init_of_the_same_environment_is_not_held_again(bench: Bench) -> None:
    """After a time-out Lambda runs init once more, within the function's own time."""
    source = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'"
    function = replace(bench.function(bench.code(source)), timeout=3)
    with bench.environment(function) as environment:
        assert "timed out" in str(environment.invoke(30).payload)
        again = environment.invoke(0)
    assert again.payload == "done"
    assert "init runs again" in again.log
    assert len(bench.warm_calls()) == 1


def test_without_prefix_files_nothing_is_sent(bench: Bench) -> None:
    """A layer that was attached without prefixes says so."""
    started = bench.start(bench.plain(PREFIXWARM_PREFIXES="/var/task/none"))
    assert started.line["reason"] == "no prefix files are attached"


def test_the_plain_function_answers_the_same_with_and_without_the_layer(bench: Bench) -> None:
    """What the fault matrix compares with."""
    function = bench.plain()
    with_layer = bench.start(function, {"n": 1}).answer.payload
    assert with_layer == bench.start(function.without_layers(), {"n": 1}).answer.payload
    assert "event" in PLAIN
