"""What a warmer puts into a template."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_logs as logs
from aws_cdk import aws_ssm as ssm

from prefixwarm.errors import UsageError
from prefixwarm.policy import Policy
from prefixwarm.prefix.manifest import parse, state_keys
from prefixwarm.prefix.prefix_file import load
from prefixwarm_cdk import Budget, KeepWarm, prefixes

if TYPE_CHECKING:
    from collections.abc import Callable


def keep_warm_function(template: Any, read: Any) -> dict[str, Any]:
    """Properties of the keep-warm function."""
    handler = "prefixwarm.keepwarm.handler.handler"
    functions = read.resources(template, "AWS::Lambda::Function")
    return next(function for function in functions if function["Handler"] == handler)


def test_the_keep_warm_function_reads_the_manifest(bench: Any) -> None:
    """By its own parser, and it finds the same warm state."""
    bench.warmer(cache_scope="team", budget=Budget.usd_per_day(2))
    manifest = parse(json.dumps(manifest_of(bench)).encode(), "manifest")
    (entry,), (prefix,) = manifest.entries, prefixes.read([bench.prefix])
    assert fnmatchcase(str(entry.key("team", {})), state_keys(prefix.file, "eu-west-1", "team"))
    assert (manifest.budget_usd_per_day, manifest.policy) == (2, Policy("auto"))


def manifest_of(bench: Any) -> dict[str, Any]:
    """The manifest in the cloud assembly."""
    folder = Path(bench.app.synth().directory)
    texts = [json.loads(path.read_text()) for path in folder.glob("asset.*.json")]
    return next(text for text in texts if text["format"] == "prefixwarm-manifest/1")


def test_table_has_the_keys_and_the_index_of_the_state(template: Any, read: Any) -> None:
    """The table is what `state.store` works on."""
    (table,) = read.resources(template, "AWS::DynamoDB::Table")
    (index,) = table["GlobalSecondaryIndexes"]
    assert table["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert index["IndexName"] == "due"
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_shard", "due_at"]
    assert index["Projection"] == {"ProjectionType": "ALL"}
    types = {a["AttributeName"]: a["AttributeType"] for a in table["AttributeDefinitions"]}
    assert types == {"pk": "S", "due_shard": "S", "due_at": "N"}


def test_table_is_on_demand_encrypted_recoverable_and_forgets(template: Any, read: Any) -> None:
    """Billing, encryption, recovery and the TTL attribute."""
    (table,) = read.resources(template, "AWS::DynamoDB::Table")
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    # With a key of AWS's own, as every table is; one in the account would charge each caller.
    assert table.get("SSESpecification", {}).get("SSEEnabled") in (None, False)
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_table_goes_with_the_stack_unless_told_otherwise(bench: Any) -> None:
    """The removal policy is explicit both ways."""
    bench.warmer()
    bench.warmer(id="Kept", removal_policy=RemovalPolicy.RETAIN)
    tables = bench.template().find_resources("AWS::DynamoDB::Table").values()
    assert sorted(table["DeletionPolicy"] for table in tables) == ["Delete", "Retain"]


def test_schedule_ticks_every_minute_without_retries(template: Any, read: Any) -> None:
    """A late tick is worth nothing."""
    (schedule,) = read.resources(template, "AWS::Scheduler::Schedule")
    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["RetryPolicy"] == {
        "MaximumEventAgeInSeconds": 60,
        "MaximumRetryAttempts": 0,
    }
    (invoke,) = read.resources(template, "AWS::Lambda::EventInvokeConfig")
    assert (invoke["MaximumEventAgeInSeconds"], invoke["MaximumRetryAttempts"]) == (60, 0)


def test_undelivered_ticks_are_kept(template: Any, read: Any) -> None:
    """The schedule's role may send them to one queue, which is encrypted."""
    (schedule,) = read.resources(template, "AWS::Scheduler::Schedule")
    (queue,) = read.resources(template, "AWS::SQS::Queue")
    arn = schedule["Target"]["DeadLetterConfig"]["Arn"]
    (granted,) = [s for s in read.statements(template) if s["Action"] == "sqs:SendMessage"]
    assert granted["Resource"] == arn
    assert queue["SqsManagedSseEnabled"] is True


def test_keep_warm_function_has_its_settings(template: Any, read: Any) -> None:
    """Environment names and values that the function reads."""
    variables = keep_warm_function(template, read)["Environment"]["Variables"]
    assert sorted(variables) == [
        "POWERTOOLS_SERVICE_NAME",
        "PREFIXWARM_API_KEY_SECRET",
        "PREFIXWARM_CACHE_SCOPE",
        "PREFIXWARM_DEPLOYMENT",
        "PREFIXWARM_FUNCTIONS",
        "PREFIXWARM_LATENCY_VALUE",
        "PREFIXWARM_MANIFEST",
        "PREFIXWARM_TABLE",
    ]
    assert variables["PREFIXWARM_DEPLOYMENT"] == "Warmer-Warm"
    assert variables["PREFIXWARM_MANIFEST"]["Fn::Sub"].startswith("s3://")


def test_function_names_reach_the_keep_warm_function(template: Any, read: Any) -> None:
    """Names of the same stack are references inside one JSON text."""
    value = keep_warm_function(template, read)["Environment"]["Variables"]["PREFIXWARM_FUNCTIONS"]
    parts = value["Fn::Join"][1]
    (name,) = [part["Ref"] for part in parts if isinstance(part, dict)]
    text = "".join(part if isinstance(part, str) else "agent" for part in parts)
    assert name.startswith("Agent")
    assert json.loads(text) == {"support": ["agent"]}


def test_only_the_metrics_action_is_on_every_resource(template: Any, read: Any) -> None:
    """Least privilege: no other wildcard in actions or resources but versions of prefix files."""
    statements = [s for s in read.statements(template) if s["Action"] != "s3:GetObject"]
    wide = [s for s in statements if "*" in json.dumps([s["Action"], s["Resource"]])]
    assert [(s["Action"], s["Resource"]) for s in wide] == [("cloudwatch:GetMetricData", "*")]


def readable(bench: Any, read: Any) -> set[str]:
    """Patterns of the objects that the keep-warm function may read."""
    granted = [s for s in read.statements(bench.template()) if s["Action"] == "s3:GetObject"]
    return {arn["Fn::Join"][1][-1].lstrip("/") for s in granted for arn in s["Resource"]}


def test_keep_warm_function_reads_its_manifest_and_its_prefixes(
    bench: Any, read: Any, write_prefix: Callable[..., Path]
) -> None:
    """The manifest by its key; each prefix by its name, so that earlier versions are among them."""
    bench.warmer(prefixes=[bench.prefix, write_prefix("sales")])
    support, sales = sorted(manifest_of(bench)["prefixes"], key=lambda entry: -len(entry["name"]))
    uploaded = Path(bench.app.synth().directory) / f"asset.{support['object']}"
    assert uploaded.read_bytes() == bench.prefix.read_bytes()
    manifest, *names = sorted(readable(bench, read), key=lambda key: "*" in key)
    assert re.fullmatch(r"[0-9a-f]{64}\.json", manifest)
    assert sorted(names) == ["*.prefix-sales", "*.prefix-support"]
    for entry in (support, sales):
        assert [n for n in names if fnmatchcase(entry["object"], n)] == [
            f"*.prefix-{entry['name']}"
        ]
        assert re.fullmatch(r"[0-9a-f]{64}\.prefix-[a-z]+", entry["object"])


def test_a_large_fleet_reads_prefix_files_of_all_names(
    bench: Any, read: Any, write_prefix: Callable[..., Path]
) -> None:
    """A role's policy cannot list more; other assets it reads none."""
    bench.warmer(prefixes=[write_prefix(f"p{i}") for i in range(41)])
    manifest, pattern = sorted(readable(bench, read), key=lambda key: "*" in key)
    assert (pattern, manifest.endswith(".json")) == ("*.prefix-*", True)


def test_manifest_says_what_was_asked(bench: Any) -> None:
    """Policy, budget and the value of time."""
    bench.warmer(
        keep_warm=KeepWarm.ski(interval=Duration.minutes(50)),
        budget=Budget.usd_per_day(1.5),
        latency_value=0.01,
    )
    manifest = manifest_of(bench)
    assert manifest["policy"] == {"rule": "ski", "interval": 3000}
    assert manifest["budget_usd_per_day"] == 1.5
    assert manifest["latency_value"] == 0.01


def test_manifest_defaults(bench: Any) -> None:
    """Behaviour without options: the automatic rule, no budget, no value of time."""
    bench.warmer()
    manifest = manifest_of(bench)
    assert (manifest["policy"], manifest["budget_usd_per_day"]) == ({"rule": "auto"}, None)
    (entry,) = manifest["prefixes"]
    assert set(entry) == {"name", "object", "route", "model", "fingerprint", "functions"}
    assert entry["fingerprint"] == load(bench.prefix).fingerprint["prefix"]


def test_log_group_has_the_retention(bench: Any, read: Any) -> None:
    """One month, or what is asked."""
    bench.warmer()
    bench.warmer(id="Long", log_retention=logs.RetentionDays.ONE_YEAR)
    groups = read.resources(bench.template(), "AWS::Logs::LogGroup")
    assert sorted(group["RetentionInDays"] for group in groups) == [30, 365]


def test_off_leaves_the_function_out(bench: Any) -> None:
    """No function, schedule, role or object; the table and the layer stay."""
    bench.warmer(keep_warm=KeepWarm.off()).attach(bench.function())
    template = bench.template()
    template.resource_count_is("AWS::Lambda::Function", 1)
    template.resource_count_is("AWS::Scheduler::Schedule", 0)
    template.resource_count_is("AWS::DynamoDB::Table", 1)
    template.resource_count_is("AWS::Lambda::LayerVersion", 1)


def test_a_kill_switch_is_read_and_nothing_else(bench: Any, read: Any) -> None:
    """Its name in the environment, its ARN in the policy."""
    parameter = ssm.StringParameter(bench.stack, "Switch", string_value="false")
    bench.warmer(kill_switch=parameter)
    template = bench.template()
    environment = keep_warm_function(template, read)["Environment"]["Variables"]
    (granted,) = [s for s in read.statements(template) if s["Action"] == "ssm:GetParameter"]
    assert environment["PREFIXWARM_KILL_SWITCH"]["Ref"].startswith("Switch")
    assert "Switch" in json.dumps(granted["Resource"])


def test_a_finished_deployment_starts_the_keep_warm_function(template: Any, read: Any) -> None:
    """By the stack's own event, which cannot fail the deployment."""
    (rule,) = read.resources(template, "AWS::Events::Rule")
    detail = rule["EventPattern"]["detail"]
    assert detail["stack-id"] == [{"Ref": "AWS::StackId"}]
    assert detail["status-details"]["status"] == ["CREATE_COMPLETE", "UPDATE_COMPLETE"]
    assert rule["Targets"][0]["RetryPolicy"]["MaximumRetryAttempts"] == 0
    assert not [k for k in template.to_json()["Resources"].values() if "Custom" in k["Type"]]


def test_tracing_is_opt_in(bench: Any, read: Any) -> None:
    """X-Ray only when asked."""
    bench.warmer()
    bench.warmer(id="Traced", tracing=True)
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    traced = [function.get("TracingConfig") for function in functions]
    assert sorted(map(str, traced)) == ["None", "{'Mode': 'Active'}"]


def test_diagnostics_are_sampled_on_both_sides(bench: Any, read: Any) -> None:
    """Where warm calls are made, and in the agent that asks for the verdict; else nowhere."""
    bench.warmer(sample_diagnostics=True).attach(bench.function())
    bench.warmer(id="Plain").attach(bench.function(name="Other"))
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    values = [f["Environment"]["Variables"].get("PREFIXWARM_DIAGNOSE") for f in functions]
    assert sorted(map(str, values)) == ["None", "None", "sample", "sample"]


def test_nothing_is_given_a_physical_name(template: Any) -> None:
    """Names are CloudFormation's, so that a stack can be deployed twice."""
    named = {"FunctionName", "TableName", "RoleName", "LogGroupName", "LayerName", "Name"}
    owners = {"AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"}
    owners.add("AWS::Logs::QueryDefinition")  # its name is a title, which it must have
    for resource in template.to_json()["Resources"].values():
        if resource["Type"] not in owners:
            assert not named & set(resource["Properties"]), resource["Type"]


def test_a_warmer_without_functions_warns(bench: Any) -> None:
    """Nothing would tell whether the prefixes are used."""
    bench.warmer()
    assert any("no function is attached" in text for text in bench.warnings())


def test_an_attached_warmer_does_not_warn(bench: Any) -> None:
    """No news is good news."""
    bench.warmer().attach(bench.function())
    assert bench.warnings() == []


def test_a_layer_without_bytecode_warns(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another machine would deploy other bytes."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bench.warmer().attach(bench.function())
    (text,) = bench.warnings()
    assert text.startswith("the layer has no bytecode for Python 3.11, 3.12, 3.13, 3.14, ")


def test_a_bad_cache_scope_is_refused(bench: Any) -> None:
    """The same check as at run time."""
    with pytest.raises(UsageError, match=r"^PrefixWarmer\(cache_scope='a b'\): write at most 64"):
        bench.warmer(cache_scope="a b")


@pytest.mark.parametrize("dollars", [0, -1, float("nan"), float("inf")])
def test_a_budget_of_nothing_is_refused(dollars: float) -> None:
    """Off is said with KeepWarm.off()."""
    with pytest.raises(UsageError, match=r"write US dollars above 0"):
        Budget.usd_per_day(dollars)
