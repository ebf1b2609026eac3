"""The table of the warm state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_dynamodb as dynamodb

from prefixwarm.state.changes import DUE_INDEX

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_kms as kms
    from constructs import Construct


def state_table(
    scope: Construct, construct_id: str, removal_policy: RemovalPolicy, key: kms.IKey | None
) -> dynamodb.Table:
    """One item per cache entry, and one ledger item per entry and day.

    `key` encrypts it; the default is AWS's own key, which is free.
    """
    own = dynamodb.TableEncryption.DEFAULT
    table = dynamodb.Table(
        scope,
        construct_id,
        partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if key else own,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute="expires_at",
        removal_policy=removal_policy,
    )
    table.add_global_secondary_index(
        index_name=DUE_INDEX,
        partition_key=dynamodb.Attribute(name="due_shard", type=dynamodb.AttributeType.STRING),
        sort_key=dynamodb.Attribute(name="due_at", type=dynamodb.AttributeType.NUMBER),
    )
    return table
