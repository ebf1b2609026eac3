"""Gives permissions, and acknowledges what checkers of permissions report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Acknowledgment, Validations
from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from constructs import IConstruct

    from prefixwarm.attach.grants import Grant


def allow(grantee: iam.IGrantable, *grants: Grant) -> None:
    """Give a function or a role these permissions."""
    for grant in grants:
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=list(grant.actions),
            resource_arns=list(grant.resources),
            conditions=grant.conditions,
        )


def acknowledge(scope: IConstruct, rule: str, reason: str) -> None:
    """Acknowledge a finding of cdk-nag, so that users need not."""
    answer = Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=reason)
    Validations.of(scope).acknowledge(answer)
