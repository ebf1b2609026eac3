"""Grants access to the table for budgets of the library's `CostGate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb


def allow_cost_gate(grantee: iam.IGrantable, table: dynamodb.ITable, deployment: str) -> None:
    """Allow reading and writing the ledgers of gates and of the deployment, and nothing else."""
    keys = ["ledger/gate/*", f"ledger/{deployment}/*"]
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
        resource_arns=[table.table_arn],
        conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
    )
    if table.encryption_key:
        table.encryption_key.grant_encrypt_decrypt(grantee)
