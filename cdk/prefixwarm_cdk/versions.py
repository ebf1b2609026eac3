"""A changed prefix makes a new version of the functions that carry it, so that aliases follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, Aspects, IAspect, Stack
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from constructs import IConstruct

    from prefixwarm_cdk.layer import Layer

# What CDK calls the version that it makes anew whenever the function changes.
_CURRENT = "CurrentVersion"


def renew_versions(function: lambda_.Function, layer: Layer) -> None:
    """Make the layer's content part of what decides whether the function gets a new version.

    CDK does so by itself only with the feature flag ``@aws-cdk/aws-lambda:recognizeLayerVersion``.
    A version that the app makes by hand stays as it is, and synthesis warns.
    """
    function.invalidate_version_based_on(layer.digest)
    Aspects.of(function).add(_WarnOfFixedVersions())


@jsii.implements(IAspect)
class _WarnOfFixedVersions:
    def visit(self, node: IConstruct) -> None:
        if not isinstance(node, lambda_.Function):
            return
        for other in Stack.of(node).node.find_all():
            if isinstance(other, lambda_.Version) and other.node.id != _CURRENT:
                _warn(other, node)


def _warn(version: lambda_.Version, function: lambda_.Function) -> None:
    if version.lambda_ is function:
        Annotations.of(version).add_warning_v2(
            "prefixwarm:version",
            "this version keeps the prefixes that it was published with, and so does an alias of "
            "it; use the function's current_version, which a changed prefix renews",
        )
