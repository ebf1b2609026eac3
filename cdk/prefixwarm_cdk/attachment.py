"""Attaches a function, and refuses functions that cannot be attached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Stack, Token
from aws_cdk import aws_lambda as lambda_

from prefixwarm import settings
from prefixwarm.attach import grants, refused_functions, runtimes
from prefixwarm_cdk.access import allow
from prefixwarm_cdk.inputs import argument_error, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from aws_cdk import Duration
    from aws_cdk import aws_kms as kms
    from constructs import IConstruct

    from prefixwarm.errors import UsageError


# The metadata key of an attached function that holds its warmer's path.
_ATTACHED = "prefixwarm:attached"


def check(warmer: IConstruct, function: object) -> None:
    """Refuse functions to which layers and settings cannot be added.

    Raises
    ------
    UsageError
        The message names the function and a workaround.
    """
    if isinstance(function, (lambda_.Alias, lambda_.Version)):
        raise _refusal(function, refused_functions.ALIAS_OR_VERSION)
    if not isinstance(function, lambda_.Function):
        raise _refusal(
            function,
            "is not a Function of this app, so it takes no layers; attach it where it is "
            "defined, or add the layer of `prefixwarm layer build` by hand (docs/deploy.md)",
        )
    _refuse_attached(warmer, function)
    _refuse_if(function, refused_functions.package(_resource(function).package_type))
    _refuse_if(function, refused_functions.architecture(function.architecture.name))
    _refuse_other_region(warmer, function)
    snap_start = refused_functions.snap_start(_resource(function).snap_start is not None)
    _warn(function, "runtime", refused_functions.old_python(function.runtime.name))
    _warn(function, "snapstart", snap_start)


def refuse_cycle(warmer: IConstruct, function: lambda_.Function, key: IConstruct | None) -> None:
    """Refuse a function whose stack also owns a key that the warmer's stack needs."""
    function_stack = Stack.of(function)
    if key and function_stack is Stack.of(key) and function_stack is not Stack.of(warmer):
        raise _refusal(
            function,
            f"its stack also owns {key.node.path}, which the warmer's stack needs: the stacks "
            "would depend on each other; create the key in the warmer's stack, or import it",
        )


def refuse_too_many(function: lambda_.Function, count: int) -> None:
    """Refuse more prefixes than one environment loads."""
    _refuse_if(function, refused_functions.prefixes(count, "attach(prefixes=[...])"))


def own_settings(
    mode: str,
    *,
    hint: Duration | None,
    hold: Duration | None,
    gate: Duration | None,
    usd_per_week: float,
) -> dict[str, str]:
    """The settings of one function."""
    times = {
        settings.INIT_HINT_MS: hint,
        settings.INIT_HOLD_MS: hold,
        settings.GATE_MS: gate,
    }
    own = {settings.INIT: mode, settings.INIT_USD_PER_WEEK: f"{usd_per_week}"}
    return own | {
        name: f"{time.to_milliseconds(integral=False):.0f}" for name, time in times.items() if time
    }


def first_setting(
    function: lambda_.Function, prefixes: Sequence[str], first: str | None
) -> dict[str, str]:
    """The setting for the first prefix, if given; it must be one of the function's prefixes."""
    if problem := refused_functions.first(first, prefixes):
        raise argument_error("attach", "first", f"{function.node.path} {problem}", shown(first))
    return {settings.FIRST: first} if first else {}


def set_up(
    warmer: IConstruct,
    function: lambda_.Function,
    layer: lambda_.ILayerVersion,
    environment: Mapping[str, str],
) -> None:
    """Add the layer and the settings, and record the warmer."""
    _refuse_if(function, refused_functions.layers(_layer_count(function)))
    function.node.add_metadata(_ATTACHED, warmer.node.path)
    function.add_layers(layer)
    for name, value in environment.items():
        function.add_environment(name, value)


def allow_key(function: lambda_.Function, key: kms.IKey | None) -> None:
    """Allow the function to use the table's key for the table, and for nothing else."""
    if key:
        allow(function, grants.table_key(key.key_arn, Stack.of(function).region))


def fixed_name(warmer: IConstruct, function: lambda_.Function) -> str | None:
    """The function's name, if using it creates no dependency cycle.

    A function that asks the keep-warm function depends on it.
    """
    if Stack.of(function) is Stack.of(warmer) and not runtimes.asks(function.runtime.name):
        return function.function_name
    name = _resource(function).function_name
    return name if name and not Token.is_unresolved(name) else None


def _refuse_attached(warmer: IConstruct, function: lambda_.Function) -> None:
    """Refuse a second attach, which would replace layer and settings of the first."""
    for entry in function.node.metadata:
        if entry.type != _ATTACHED:
            continue
        if entry.data == warmer.node.path:
            raise _refusal(function, "is already attached; name all its prefixes in one call")
        raise _refusal(function, refused_functions.other_warmer(entry.data))


def _refuse_other_region(warmer: IConstruct, function: lambda_.Function) -> None:
    here, there = Stack.of(warmer).region, Stack.of(function).region
    if not (Token.is_unresolved(here) or Token.is_unresolved(there)):
        _refuse_if(function, refused_functions.region(there, here))


def warn_of_no_answer(function: lambda_.Function) -> None:
    """Warn if the layer can only ask and there is no keep-warm function."""
    if not runtimes.may_warm(function.runtime.name):
        _warn(
            function,
            "runtime",
            f"the runtime {function.runtime.name} has no Python, and with KeepWarm.off() there is "
            "no keep-warm function to ask: nothing is warmed there",
        )


def _refuse_if(function: lambda_.Function, problem: str) -> None:
    if problem:
        raise _refusal(function, problem)


def _warn(function: lambda_.Function, topic: str, text: str) -> None:
    if text:
        Annotations.of(function).add_warning_v2(f"prefixwarm:{topic}", text)


def _resource(function: lambda_.Function) -> lambda_.CfnFunction:
    resource = function.node.default_child
    assert isinstance(resource, lambda_.CfnFunction)
    return resource


def _layer_count(function: lambda_.Function) -> int:
    return len(Stack.of(function).resolve(_resource(function).layers) or ())


def _refusal(function: object, problem: str) -> UsageError:
    node = getattr(function, "node", None) if not isinstance(function, type) else None
    return argument_error("attach", "function", problem, node.path if node else shown(function))
