"""Who may keep a budget of the library's `CostGate` in the table of the warm state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb


def allow_cost_gate(grantee: iam.IGrantable, table: dynamodb.ITable, deployment: str) -> None:
    """Let somebody read and write the ledgers of gates and of the deployment, and nothing else."""
    keys = ["ledger/gate/*", f"ledger/{deployment}/*"]
    iam.Grant.add_to_principal(
        grantee=grantee,
        actions=["dynamodb:GetItem", "dynamodb:UpdateItem"],
        resource_arns=[table.table_arn],
        conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys}},
    )
    if table.encryption_key:
        table.encryption_key.grant_encrypt_decrypt(grantee)
