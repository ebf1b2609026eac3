"""Observes a function without changing its code, by starting its runtime with the wrapper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Aspects, IAspect, Stack, TreeInspector
from aws_cdk import aws_lambda as lambda_

from prefixwarm import settings
from prefixwarm.attach.runtime_wrapper import VARIABLE, WRAPPER, refusal
from prefixwarm_cdk.inputs import argument_error, shown

if TYPE_CHECKING:
    from constructs import IConstruct

    from prefixwarm.errors import UsageError


AUTO = "auto"


def observe_from_start(function: lambda_.Function) -> None:
    """Start the runtime through the layer's wrapper, which then calls the function's own.

    Raises
    ------
    UsageError
        The runtime is not Python.
    """
    if problem := refusal(function.runtime.name):
        raise _refusal(function, problem)
    own = _wrapper_of(function)
    if own:
        function.add_environment(settings.EXEC_WRAPPER, own)
    function.add_environment(VARIABLE, WRAPPER)
    Aspects.of(function).add(_RefuseOtherWrapper())


def _wrapper_of(function: lambda_.Function) -> str | None:
    """The value of the function's variable: text, or a token that becomes text."""
    value = _environment_of(function).get(VARIABLE)
    if value is not None and not isinstance(value, str):
        raise _refusal(
            function,
            f"calls the function's own {VARIABLE} in turn, and its value is known at deployment "
            "only; write it as a text",
        )
    return value


def _environment_of(function: lambda_.Function) -> dict[str, object]:
    """The function's variables so far, as CDK renders them at synthesis.

    The resource's property loses them on the way into Python; an inspector keeps them.
    """
    resource, inspector = function.node.default_child, TreeInspector()
    assert isinstance(resource, lambda_.CfnFunction)
    resource.inspect(inspector)
    inspected = Stack.of(function).resolve(inspector)["attributes"]
    environment = inspected["aws:cdk:cloudformation:props"].get("environment") or {}
    return dict(environment.get("variables") or {})


@jsii.implements(IAspect)
class _RefuseOtherWrapper:
    """Refuses a wrapper set after `attach`, which would silently replace ours."""

    def visit(self, node: IConstruct) -> None:
        if not isinstance(node, lambda_.Function):
            return
        own = _wrapper_of(node)
        if own != WRAPPER:
            raise _refusal(
                node,
                f"{VARIABLE} became {shown(own)} after it was attached; set it before, and it is "
                "called in turn",
            )


def _refusal(function: lambda_.Function, problem: str) -> UsageError:
    return argument_error("attach", "observe", f"{function.node.path}: {problem}", f'"{AUTO}"')
