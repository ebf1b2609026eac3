"""The layer, in the same stack as the function that uses it."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from aws_cdk import Stack
from aws_cdk import aws_lambda as lambda_

from prefixwarm_cdk.assets import code, digest, layer_zip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from prefixwarm_cdk.prefixes import Prefix


class Layer(lambda_.LayerVersion):
    """The layer with some prefixes; `digest` is the SHA-256 of its zip."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        warmer: Construct,
        prefixes: Sequence[Prefix],
        *,
        observe: bool,
    ) -> None:
        path = layer_zip(warmer, prefixes, observe=observe)
        self.digest = digest(path)
        super().__init__(
            scope,
            construct_id,
            description="prefixwarm: warms prompt-cache prefixes in the init phase",
            code=code(path),
            compatible_architectures=[lambda_.Architecture.X86_64, lambda_.Architecture.ARM_64],
        )


def layer_for(
    warmer: Construct, function: lambda_.Function, prefixes: Sequence[Prefix], *, observe: bool
) -> Layer:
    """Return the layer with these prefixes, shared by all functions of a stack.

    A layer in another stack would be imported by its ARN, which changes with every prompt;
    CloudFormation refuses to change an export in use.
    """
    function_stack = Stack.of(function)
    own = function_stack is Stack.of(warmer)
    scope, start = (
        (warmer, "Layer") if own else (function_stack, f"PrefixWarmLayer{warmer.node.addr[-8:]}")
    )
    names = ",".join(prefix.name for prefix in prefixes)
    alone = "" if observe else "-alone"
    construct_id = f"{start}-{sha256(names.encode()).hexdigest()[:8]}{alone}"
    existing = scope.node.try_find_child(construct_id)
    if isinstance(existing, Layer):
        return existing
    return Layer(scope, construct_id, warmer, prefixes, observe=observe)
