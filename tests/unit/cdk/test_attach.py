"""What attaching does to a function, and which functions it refuses."""

from __future__ import annotations

import json
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Duration, Environment, NestedStack, Stack, Stage, assertions
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm.errors import UsageError
from prefixwarm_cdk import Credentials, PrefixWarmer
from prefixwarm_extension.prefixes import MAX_PREFIXES
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def variables(template: Any, read: Any, handler: str = "index.handler") -> dict[str, Any]:
    """Environment of the function with that handler."""
    functions = read.resources(template, "AWS::Lambda::Function")
    own = next(function for function in functions if function["Handler"] == handler)
    return dict(own["Environment"]["Variables"])


def leading_keys(template: Any, read: Any) -> list[Any]:
    """The state keys that roles are held to."""
    return [
        s["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]
        for s in read.statements(template)
        if "Condition" in s
    ]


def test_attaching_adds_layer_and_settings(bench: Any, read: Any) -> None:
    """And keeps what the function has."""
    function = bench.function(environment={"MINE": "1"})
    bench.warmer().attach(
        function, init="always", init_hint=Duration.millis(900), init_hold=Duration.seconds(2)
    )
    environment = variables(bench.template(), read)
    assert environment["MINE"] == "1"
    assert environment["PREFIXWARM_INIT"] == "always"
    assert environment["PREFIXWARM_INIT_HINT_MS"] == "900"
    assert environment["PREFIXWARM_INIT_HOLD_MS"] == "2000"
    assert {"PREFIXWARM_TABLE", "PREFIXWARM_API_KEY_SECRET", "PREFIXWARM_DEPLOYMENT"} < set(
        environment
    )
    assert "PREFIXWARM_MANIFEST" not in environment


def test_a_gate_is_the_functions_own(bench: Any, read: Any) -> None:
    """In milliseconds, and nothing of it elsewhere."""
    warmer = bench.warmer()
    warmer.attach(bench.function(name="A"), gate=Duration.seconds(2))
    warmer.attach(bench.function(name="B"))
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    gates = [f["Environment"]["Variables"].get("PREFIXWARM_GATE_MS") for f in functions]
    assert sorted(map(str, gates)) == ["2000", "None", "None"]


def test_the_role_may_touch_its_own_state_only(bench: Any, read: Any) -> None:
    """Two actions on the items of its prefixes, earlier versions included, and no ledger."""
    bench.warmer(cache_scope="team").attach(bench.function())
    template = bench.template()
    ((key,),) = leading_keys(template, read)
    (granted,) = [s for s in read.statements(template) if "Condition" in s]
    assert granted["Action"] == ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    assert key == "state/anthropic/-/team/support/*"


def test_state_keys_follow_the_region_of_an_agnostic_stack(
    bench: Any, read: Any, write_prefix: Callable[..., Path]
) -> None:
    """The region is known to CloudFormation only."""
    bench.warmer(
        prefixes=[write_prefix(route="bedrock-mantle")],
        credentials=Credentials.function_role(),
    ).attach(bench.function())
    ((key,),) = leading_keys(bench.template(), read)
    joined = key["Fn::Join"][1]
    assert joined[0] == "state/bedrock-mantle/"
    assert joined[1] == {"Ref": "AWS::Region"}


def test_a_function_gets_the_prefixes_that_it_names(
    bench: Any, read: Any, write_prefix: Callable[..., Path], prefix: Path
) -> None:
    """Its own layer, its own keys."""
    sales = write_prefix("sales", text="You sell bicycles. " * 300)
    warmer = bench.warmer(prefixes=[prefix, sales])
    warmer.attach(bench.function(name="Support"), prefixes=["support"])
    warmer.attach(bench.function(name="Both"))
    template = bench.template()
    assert sorted(map(len, leading_keys(template, read))) == [1, 2]
    template.resource_count_is("AWS::Lambda::LayerVersion", 2)


def test_functions_with_the_same_prefixes_share_a_layer(bench: Any) -> None:
    """One layer version, not one each."""
    warmer = bench.warmer()
    warmer.attach(bench.function(name="A"))
    warmer.attach(bench.function(name="B"))
    bench.template().resource_count_is("AWS::Lambda::LayerVersion", 1)


@pytest.fixture
def apart(bench: Any) -> tuple[Any, Stack]:
    """A warmer, and a function in another stack."""
    agents = Stack(bench.app, "Agents")
    bench.warmer().attach(bench.function(agents))
    return bench, agents


def test_a_function_of_another_stack_makes_no_cycle(apart: tuple[Any, Stack]) -> None:
    """The agent's stack depends on the warmer's, and not the other way round."""
    bench, agents = apart
    bench.app.synth()
    assert [s.stack_name for s in agents.dependencies] == ["Warmer"]
    assert list(bench.stack.dependencies) == []


def test_a_function_of_another_stack_gets_its_layer_there(
    apart: tuple[Any, Stack], read: Any
) -> None:
    """An exported layer ARN could never change again."""
    bench, agents = apart
    template = bench.template(agents)
    template.resource_count_is("AWS::Lambda::LayerVersion", 1)
    (function,) = read.resources(template, "AWS::Lambda::Function")
    assert [set(layer) for layer in function["Layers"]] == [{"Ref"}]
    assert "Layer" not in json.dumps(bench.template().to_json().get("Outputs", {}))


def test_the_keep_warm_function_does_not_name_functions_of_other_stacks(
    apart: tuple[Any, Stack], read: Any
) -> None:
    """They note their names in the state themselves."""
    bench, _ = apart
    handler = "prefixwarm.keepwarm.handler.handler"
    assert "PREFIXWARM_FUNCTIONS" not in variables(bench.template(), read, handler)


def test_a_literal_name_of_another_stack_is_passed_on(bench: Any, read: Any) -> None:
    """It makes no reference."""
    agents = Stack(bench.app, "Agents")
    bench.warmer().attach(bench.function(agents, function_name="support-agent"))
    handler = "prefixwarm.keepwarm.handler.handler"
    names = variables(bench.template(), read, handler)["PREFIXWARM_FUNCTIONS"]
    assert json.loads(names) == {"support": ["support-agent"]}


def test_published_versions_carry_the_layer(bench: Any) -> None:
    """A version made before attaching is another one than without it."""
    plain, agents = Stack(bench.app, "Plain"), Stack(bench.app, "Agents")
    bench.function(plain).current_version.add_alias("live")
    function = bench.function(agents)
    function.current_version.add_alias("live")
    bench.warmer().attach(function)
    with_layer, without = (
        set(bench.template(stack).find_resources("AWS::Lambda::Version"))
        for stack in (agents, plain)
    )
    assert with_layer != without


def refused(bench: Any, function: Any, words: str) -> None:
    """Attaching raises one line with these words that begins with the function's path."""
    with pytest.raises(UsageError, match=words) as raised:
        bench.warmer().attach(function)
    assert str(raised.value).startswith("attach(")
    assert "\n" not in str(raised.value)


def test_an_imported_function_is_refused(bench: Any) -> None:
    """With the way round."""
    arn = "arn:aws:lambda:eu-west-1:123456789012:function:agent"
    imported = lambda_.Function.from_function_arn(bench.stack, "Imported", arn)
    refused(bench, imported, r"Warmer/Imported.*`prefixwarm layer build`")


def test_something_else_is_refused(bench: Any) -> None:
    """A name instead of a construct."""
    refused(bench, "my-agent", "'my-agent'.*is not a Function of this app")


def test_an_alias_is_refused(bench: Any) -> None:
    """The function itself is meant."""
    alias = bench.function().current_version.add_alias("live")
    refused(bench, alias, "attach the function itself")


def test_a_container_image_is_refused(bench: Any) -> None:
    """It takes no layers."""
    repository = ecr.Repository.from_repository_name(bench.stack, "Repository", "agent")
    function = lambda_.Function(
        bench.stack,
        "Image",
        code=lambda_.Code.from_ecr_image(repository),
        handler=lambda_.Handler.FROM_IMAGE,
        runtime=lambda_.Runtime.FROM_IMAGE,
    )
    refused(bench, function, "container image.*into /opt in its Dockerfile")


def test_another_architecture_is_refused(bench: Any) -> None:
    """CDK itself lets it pass."""
    riscv = lambda_.Architecture.custom("riscv64")
    refused(bench, bench.function(architecture=riscv), "'riscv64'; use x86_64 or arm64")


def test_five_layers_are_refused(bench: Any) -> None:
    """Lambda takes no sixth."""
    function = bench.function()
    for i in range(5):
        arn = f"arn:aws:lambda:eu-west-1:123456789012:layer:other:{i + 1}"
        function.add_layers(lambda_.LayerVersion.from_layer_version_arn(bench.stack, f"L{i}", arn))
    refused(bench, function, "already has 5 layers.*merge two")


def test_more_prefixes_than_an_environment_loads_are_refused(
    bench: Any, write_prefix: Callable[..., Path], tmp_path: Path
) -> None:
    """The limit is the extension's."""
    for i in range(MAX_PREFIXES + 1):
        write_prefix(f"p{i}", folder=tmp_path / "prefixes")
    warmer, function = bench.warmer(prefixes=[tmp_path / "prefixes"]), bench.function()
    with pytest.raises(
        UsageError, match=f"{MAX_PREFIXES + 1} prefixes.*loads at most {MAX_PREFIXES}"
    ):
        warmer.attach(function)
    warmer.attach(function, prefixes=[f"p{i}" for i in range(MAX_PREFIXES)])


def test_another_region_is_refused(bench: Any) -> None:
    """A table and a layer are of one region."""
    here = Stack(bench.app, "Here", env=Environment(account="123456789012", region="eu-west-1"))
    there = Stack(bench.app, "There", env=Environment(account="123456789012", region="us-east-1"))
    warmer = bench.warmer(scope=here)
    with pytest.raises(UsageError, match="is in us-east-1 and the warmer in eu-west-1"):
        warmer.attach(bench.function(there))


def test_a_cycle_through_the_key_is_refused(bench: Any) -> None:
    """The agent's stack owns the secret that the warmer's stack needs."""
    agents = Stack(bench.app, "Agents")
    secret = secretsmanager.Secret(agents, "Own")
    warmer = bench.warmer(credentials=Credentials.secret(secret))
    with pytest.raises(UsageError, match=r"also owns Agents/Own.*create the key"):
        warmer.attach(bench.function(agents))


def test_attaching_twice_is_refused(bench: Any) -> None:
    """One call names all prefixes."""
    warmer, function = bench.warmer(), bench.function()
    warmer.attach(function)
    with pytest.raises(UsageError, match=r"attach\(function=Warmer/Agent\): is already attached"):
        warmer.attach(function)


def test_two_warmers_on_one_function_are_refused(bench: Any, write_prefix: Any) -> None:
    """Both layers unpack to one place, and the second's settings would replace the first's."""
    function = bench.function()
    bench.warmer().attach(function)
    second = bench.warmer(id="Second", prefixes=[write_prefix("sales", text="You sell. " * 300)])
    with pytest.raises(UsageError, match=r"^attach\(function=Warmer/Agent\): is already attached"):
        second.attach(function)


FLAG = "@aws-cdk/aws-lambda:recognizeLayerVersion"


EVERY = [*product([False, True], repeat=3)]


@pytest.mark.parametrize(
    ("elsewhere", "attached_after", "flag"), chosen(dev=EVERY[::7], ci=EVERY, full=EVERY)
)
def test_a_changed_prefix_reaches_an_alias(
    prefix: Any,
    write_prefix: Any,
    tmp_path: Any,
    elsewhere: bool,
    attached_after: bool,
    flag: bool,
) -> None:
    """By a new version, whatever the app's feature flags say; the same prefix keeps the version."""
    changed = write_prefix(text="You are another agent. " * 300)
    versions = []
    for number, file in enumerate((prefix, changed, prefix)):
        app = App(outdir=str(tmp_path / str(number)), context={FLAG: True} if flag else {})
        stack = Stack(app, "Agents")
        home = Stack(app, "Home") if elsewhere else stack
        secret = secretsmanager.Secret.from_secret_name_v2(home, "Key", "claude")
        credentials = Credentials.secret(secret)
        warmer = PrefixWarmer(home, "Warm", prefixes=[file], credentials=credentials)
        code = lambda_.Code.from_inline("def handler(event, context): return 1")
        runtime = lambda_.Runtime.PYTHON_3_13
        function = lambda_.Function(stack, "Agent", code=code, handler="i.h", runtime=runtime)
        if attached_after:
            function.add_alias("live")
            warmer.attach(function)
        else:
            warmer.attach(function)
            function.add_alias("live")
        template = assertions.Template.from_stack(stack)
        versions.append(set(template.find_resources("AWS::Lambda::Version")))
    assert versions[0] != versions[1]
    assert versions[0] == versions[2]


def test_a_version_that_stays_as_it_is_is_warned_about(bench: Any) -> None:
    """A changed prefix does not reach the alias of one that the app made by hand."""
    function = bench.function()
    lambda_.Version(bench.stack, "Fixed", lambda_=function)
    bench.warmer().attach(function)
    (warning,) = bench.warnings()
    assert "use the function's current_version" in warning


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"init": "sometimes"},
            r"^attach\(init='sometimes'\): write \"auto\", \"always\" or",
        ),
        ({"init_hold": Duration.seconds(30)}, r"^attach\(init_hold=...\): is 30 s; pass 9 s at"),
        ({"gate": Duration.minutes(2)}, r"^attach\(gate=...\): is 120 s; pass 60 s at most"),
    ],
)
def test_settings_are_checked_as_at_run_time(
    bench: Any, options: dict[str, Any], words: str
) -> None:
    """With the limits of the parser there."""
    with pytest.raises(UsageError, match=words):
        bench.warmer().attach(bench.function(), **options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtime": lambda_.Runtime.PYTHON_3_9}, "python3.9 has no Python 3.10"),
        (
            {"snap_start": lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS},
            "import prefixwarm_snapstart",
        ),
    ],
)
def test_doubtful_functions_are_warned_about(
    bench: Any, options: dict[str, Any], words: str
) -> None:
    """The keep-warm function still warms for them."""
    bench.warmer().attach(bench.function(**options))
    assert any(words in text for text in bench.warnings())


def test_a_warmer_in_a_stage_works(bench: Any, tmp_path: Path) -> None:
    """As CDK Pipelines deploys it; assets go to the stage's own folder."""
    stage = Stage(bench.app, "Prod")
    stack, agents = Stack(stage, "Warmer"), Stack(stage, "Agents")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:claude-AbCdEf"
    secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Key", arn)
    warmer = bench.warmer(scope=stack, credentials=Credentials.secret(secret))
    warmer.attach(bench.function(agents))
    assert warmer.metric_cost().dimensions == {"service": "Prod-Warmer-Warm"}
    assert len(bench.app.synth().get_nested_assembly("assembly-Prod").stacks) == 2


def test_a_function_of_a_nested_stack_gets_its_layer_there(bench: Any, read: Any) -> None:
    """Nested stacks pass the table's name down as a parameter."""
    nested = NestedStack(bench.stack, "Nested")
    bench.warmer().attach(bench.function(nested))
    bench.app.synth()
    template = bench.template(nested)
    template.resource_count_is("AWS::Lambda::LayerVersion", 1)
    assert "PREFIXWARM_TABLE" in variables(template, read)


def test_what_starts_may_spend_and_warm_first(bench: Any, read: Any) -> None:
    """A sum by default; a first prefix only where one is named, and only one of its own."""
    warmer = bench.warmer()
    warmer.attach(bench.function(name="A"), init_usd_per_week=0.25, first="support")
    warmer.attach(bench.function(name="B"))
    with pytest.raises(UsageError, match=r"first='other'\): Warmer/C carries no .* one of support"):
        warmer.attach(bench.function(name="C"), first="other")
    with pytest.raises(UsageError, match=r"^attach\(init_usd_per_week=-1\): write US dollars"):
        warmer.attach(bench.function(name="D"), init_usd_per_week=-1)
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    environments = [f.get("Environment", {}).get("Variables", {}) for f in functions]
    held = {
        (v.get("PREFIXWARM_INIT_USD_PER_WEEK"), v.get("PREFIXWARM_FIRST")) for v in environments
    }
    assert {("0.25", "support"), ("1.0", None)} <= held
