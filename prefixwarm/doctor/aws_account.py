"""Checks access to AWS: region, credentials, and the clock for signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import LOG_IN, aws_errors
from prefixwarm.doctor.diagnosis import error, ok, unknown, warning
from prefixwarm.errors import PrefixwarmError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import boto3

    from prefixwarm.doctor.diagnosis import Diagnosis

# AWS refuses signatures more than five minutes off.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-troubleshooting.html
_REFUSED_SECONDS = 300
_DOUBTFUL_SECONDS = 30


@dataclass
class Account:
    """Checks the AWS account; `reached` says whether further checks make sense."""

    session: boto3.Session
    reached: bool = False

    def diagnoses(self) -> Iterator[Diagnosis]:
        """Check region, credentials and clock."""
        region = self.session.region_name
        if not region:
            yield error("region", "no region is set", "set AWS_REGION, or give --region")
            return
        yield ok("region", str(region))
        try:
            with aws_errors("sts"):
                reply = self.session.client("sts").get_caller_identity()
                detail = f"account {reply['Account']}, {reply['Arn']}"
        except PrefixwarmError as problem:
            detail, _, _ = str(problem).partition(f"; {LOG_IN}")
            yield error("credentials", detail, LOG_IN)
            return
        self.reached = True
        yield ok("credentials", detail)
        yield _clock(reply)


def _clock(reply: dict[str, Any]) -> Diagnosis:
    headers = reply.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        there = parsedate_to_datetime(headers["date"])
        seconds = abs((datetime.now(timezone.utc) - there).total_seconds())
    except (KeyError, TypeError, ValueError, OverflowError):
        return unknown("clock", "AWS did not send the time")
    if seconds >= _REFUSED_SECONDS:
        return error("clock", f"{seconds:.0f} s off AWS's", "set this machine's clock by NTP")
    if seconds >= _DOUBTFUL_SECONDS:
        return warning("clock", f"{seconds:.0f} s off AWS's", "set this machine's clock by NTP")
    return ok("clock", "agrees with AWS's")
