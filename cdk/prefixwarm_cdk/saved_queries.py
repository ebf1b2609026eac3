"""Saved Logs Insights queries that show what metrics would, without a monthly charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_logs as logs
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Sequence


# By name: id, and the query. The lines' fields are in docs/keepwarm.md and docs/metrics.md.
_QUERIES = {
    "is anything wrong": (
        "Wrong",
        """\
fields @timestamp, message, prefix, why, result, reason, state_error
| filter ispresent(WarmTrouble) or level in ["WARNING", "ERROR", "CRITICAL"]
| sort @timestamp desc
| limit 200""",
    ),
    "is it warm": (
        "Warm",
        """\
fields @timestamp
| filter message like /^warm call: / or message in ["wait", "rest"]
| stats count(*) as lines, sum(read_tokens) as read, sum(write_tokens) as written \
by prefix, message, bin(1h) as hour
| sort hour desc""",
    ),
    # An alias may be used in the same command, as AWS's own example for Lambda's memory does:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax-examples.html
    "do requests read it": (
        "Reads",
        """\
fields @timestamp
| filter ispresent(AgentReadTokens)
| stats count(*) as requests, sum(AgentReadTokens) as read, sum(AgentWriteTokens) as written, \
sum(AgentInputTokens) as uncached, read / (read + written + uncached) as hit_rate \
by prefix, bin(1d) as day
| sort day desc""",
    ),
    "does it pay": (
        "Pays",
        """\
fields @timestamp
| filter message in ["tick", "batch"]
| stats sum(spent_usd) as spent, sum(saved_usd) as saved by bin(1d) as day
| sort day desc""",
    ),
}


class SavedQueries(Construct):
    """One query for each question of the dashboard.

    They read the logs of the keep-warm function and its workers. In the console you can also select
    the agents' log groups, whose lines have the same fields.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, service: str, groups: Sequence[logs.ILogGroup]
    ) -> None:
        super().__init__(scope, construct_id)
        for name, (own_id, text) in _QUERIES.items():
            # Use the underlying resource, which keeps the query's text as it is.
            logs.CfnQueryDefinition(
                self,
                own_id,
                name=f"prefixwarm/{service}/{name}",
                query_string=text,
                log_group_names=[group.log_group_name for group in groups],
            )
