"""What attaching does to a function, and which functions it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Duration, Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from prefixwarm import settings
from prefixwarm.errors import UsageError
from prefixwarm_cdk import runtimes
from prefixwarm_cdk.inputs import check_settings, expect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_kms as kms
    from constructs import IConstruct


_MAX_LAYERS = 5
_TIMES = {
    "init_hint": settings.INIT_HINT_MS,
    "init_hold": settings.INIT_HOLD_MS,
    "gate": settings.GATE_MS,
}
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
_KEY_ACTIONS = ("kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey")
# In the metadata of a function: the path of the warmer that it is attached to.
_ATTACHED = "prefixwarm:attached"
# What the extension loads at most, so that an environment's start stays short.
_MAX_PREFIXES = 20


def check(warmer: IConstruct, function: object) -> None:
    """Refuse functions to which layers and settings cannot be added.

    Raises
    ------
    UsageError
        Naming the function and the way round.
    """
    if isinstance(function, (lambda_.Alias, lambda_.Version)):
        raise _refusal(
            function,
            "is an alias or a version; attach the function itself: versions published from "
            "now on carry the layer, and aliases follow",
        )
    if not isinstance(function, lambda_.Function):
        raise _refusal(
            function,
            "is not a Function of this app, so it takes no layers; attach it where it is "
            "defined, or add the layer of `prefixwarm layer build` by hand (docs/deploy.md)",
        )
    _refuse_attached(warmer, function)
    _refuse_image(function)
    _refuse_architecture(function)
    _refuse_other_region(warmer, function)
    _warn_of_runtime(function)
    _warn_of_snap_start(function)


def refuse_cycle(warmer: IConstruct, function: lambda_.Function, key: IConstruct | None) -> None:
    """Refuse a function whose stack also owns the key that the warmer's stack needs."""
    function_stack = Stack.of(function)
    if key and function_stack is Stack.of(key) and function_stack is not Stack.of(warmer):
        raise _refusal(
            function,
            f"its stack also owns {key.node.path}, which the warmer's stack needs: the stacks "
            "would depend on each other; create the key in the warmer's stack, or import it",
        )


def refuse_too_many(function: lambda_.Function, count: int) -> None:
    """Refuse more prefixes than one environment loads."""
    if count > _MAX_PREFIXES:
        raise _refusal(
            function,
            f"would carry {count} prefixes and an environment loads {_MAX_PREFIXES}; "
            "name its own with attach(prefixes=[...])",
        )


def own_settings(
    mode: str,
    *,
    hint: Duration | None,
    hold: Duration | None,
    gate: Duration | None,
    usd_per_week: float,
) -> dict[str, str]:
    """The settings of one function, checked as they will be where they are read."""
    times = {"init_hint": hint, "init_hold": hold, "gate": gate}
    own = {settings.INIT: mode, settings.INIT_USD_PER_WEEK: f"{usd_per_week}"}
    for name, time in times.items():
        expect(f"attach({name})", time, Duration, "Duration.seconds(2)")
        if time:
            own[_TIMES[name]] = f"{time.to_milliseconds():.0f}"
    arguments = {_TIMES[name]: f"attach({name}) in milliseconds" for name in times}
    arguments[settings.INIT_USD_PER_WEEK] = "attach(init_usd_per_week)"
    check_settings(own, {settings.INIT: "attach(init)", **arguments})
    return own


def first_setting(
    function: lambda_.Function, prefixes: Sequence[str], first: str | None
) -> dict[str, str]:
    """The setting that names the first prefix, where one is named; one of its own."""
    if first is None:
        return {}
    if first not in prefixes:
        own = ", ".join(prefixes)
        raise _refusal(function, f"first={first!r} is none of its prefixes: {own}")
    return {settings.FIRST: first}


def set_up(
    warmer: IConstruct,
    function: lambda_.Function,
    layer: lambda_.ILayerVersion,
    environment: Mapping[str, str],
) -> None:
    """Add the layer and the settings, and note whose they are."""
    if _layer_count(function) >= _MAX_LAYERS:
        raise _refusal(
            function,
            f"has {_MAX_LAYERS} layers already, all that Lambda takes; merge two of them, or "
            "move one's content into the function's own code",
        )
    function.node.add_metadata(_ATTACHED, warmer.node.path)
    function.add_layers(layer)
    for name, value in environment.items():
        function.add_environment(name, value)


def allow_state(function: lambda_.Function, table: dynamodb.ITable, keys: Sequence[str]) -> None:
    """Let the function read and lease the states of its own prefixes, and nothing else.

    Where it can only ask for a warm call, it need not lease.
    """
    work = ["dynamodb:GetItem", "dynamodb:UpdateItem"] if runtimes.may_warm(function) else []
    ask = ["dynamodb:BatchGetItem"] if runtimes.asks(function) else []
    iam.Grant.add_to_principal(
        grantee=function,
        actions=[*work, *ask],
        resource_arns=[table.table_arn],
        conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(keys)}},
    )


def allow_key(function: lambda_.Function, key: kms.IKey | None) -> None:
    """Let the function read and write a table that this key encrypts, and nothing else with it."""
    if key is None:
        return
    service = f"dynamodb.{Stack.of(function).region}.amazonaws.com"
    iam.Grant.add_to_principal(
        grantee=function,
        actions=list(_KEY_ACTIONS),
        resource_arns=[key.key_arn],
        conditions={"StringEquals": {"kms:ViaService": service}},
    )


def fixed_name(warmer: IConstruct, function: lambda_.Function) -> str | None:
    """The function's name, where using it makes nothing depend on each other.

    A function that asks the keep-warm function depends on it.
    """
    if Stack.of(function) is Stack.of(warmer) and not runtimes.asks(function):
        return function.function_name
    name = _resource(function).function_name
    return name if name and not Token.is_unresolved(name) else None


def _refuse_attached(warmer: IConstruct, function: lambda_.Function) -> None:
    """A second layer and second settings would take the place of the first ones."""
    for entry in function.node.metadata:
        if entry.type != _ATTACHED:
            continue
        if entry.data == warmer.node.path:
            raise _refusal(function, "is attached already; name all its prefixes in one call")
        raise _refusal(
            function,
            f"is attached to {entry.data} already, whose layer and settings would be replaced; "
            "give one warmer the prefixes of both, with credentials by route where they differ",
        )


def _refuse_image(function: lambda_.Function) -> None:
    if _resource(function).package_type == "Image":
        raise _refusal(
            function,
            "is a container image, which takes no layers; unpack the zip of "
            "`prefixwarm layer build` into /opt in its Dockerfile (docs/deploy.md)",
        )


def _refuse_architecture(function: lambda_.Function) -> None:
    name = function.architecture.name
    if name not in ("x86_64", "arm64"):
        raise _refusal(function, f"has the architecture {name!r}; use x86_64 or arm64")


def _refuse_other_region(warmer: IConstruct, function: lambda_.Function) -> None:
    here, there = Stack.of(warmer).region, Stack.of(function).region
    if here != there and not (Token.is_unresolved(here) or Token.is_unresolved(there)):
        raise _refusal(
            function,
            f"is in {there} and the warmer in {here}; create one PrefixWarmer per region",
        )


def _warn_of_runtime(function: lambda_.Function) -> None:
    if runtimes.is_too_old(function):
        Annotations.of(function).add_warning_v2(
            "prefixwarm:runtime",
            f"the runtime {function.runtime.name} has no Python of 3.10 or newer: the layer only "
            "idles there, and the keep-warm function alone warms",
        )


def warn_of_no_answer(function: lambda_.Function) -> None:
    """Where the layer can only ask, and there is no keep-warm function to ask."""
    if not runtimes.may_warm(function):
        Annotations.of(function).add_warning_v2(
            "prefixwarm:runtime",
            f"the runtime {function.runtime.name} has no Python, and with KeepWarm.off() there is "
            "no keep-warm function that the layer could ask: nothing is warmed there",
        )


def _warn_of_snap_start(function: lambda_.Function) -> None:
    if _resource(function).snap_start is not None:
        Annotations.of(function).add_warning_v2(
            "prefixwarm:snapstart",
            "with SnapStart the init phase runs when a version is published, long before its first "
            "request; `import prefixwarm_snapstart` in the handler's module warms after a restore",
        )


def _resource(function: lambda_.Function) -> lambda_.CfnFunction:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    return resource


def _layer_count(function: lambda_.Function) -> int:
    return len(Stack.of(function).resolve(_resource(function).layers) or ())


def _refusal(function: object, problem: str) -> UsageError:
    node = getattr(function, "node", None)
    return UsageError(f"attach({node.path if node else repr(function)}): {problem}")
