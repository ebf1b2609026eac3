"""Creates a new version of a function when its prefixes change, so that aliases follow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsii
from aws_cdk import Annotations, Aspects, IAspect, Stack
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from constructs import IConstruct

    from prefixwarm_cdk.layer import Layer

# CDK's construct id of the version that it renews whenever the function changes.
_CURRENT = "CurrentVersion"


def renew_versions(function: lambda_.Function, layer: Layer) -> None:
    """Create a new version of the function when the layer's content changes.

    CDK itself does so only with the feature flag ``@aws-cdk/aws-lambda:recognizeLayerVersion``. A
    version that the app creates by hand does not change, and synthesis warns.
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
            "this version, and any alias of it, keeps the prefixes with which it was published; "
            "use the function's current_version, which a changed prefix renews",
        )
