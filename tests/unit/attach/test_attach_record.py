"""The record of `attach` in tags: every name that IAM and Lambda allow comes back as it was."""

from __future__ import annotations

import re
import string

from hypothesis import given
from hypothesis import strategies as st

from prefixwarm import settings
from prefixwarm.attach import attaching, runtime_wrapper
from prefixwarm.attach.agent_function import region_of, unqualified
from prefixwarm.attach.attach_record import AttachRecord
from prefixwarm.attach.steps import policy_name

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
ROLES = st.text(f"{string.ascii_letters}{string.digits}+=,.@_-", min_size=1, max_size=64)
FUNCTIONS = st.text(f"{string.ascii_letters}{string.digits}_-", min_size=1, max_size=64)
# What AWS takes as a tag's value, of 256 characters at most.
VALUE = re.compile(r"[\w .:/=+\-@]{1,256}", re.ASCII)


@given(role=ROLES, warmer=FUNCTIONS)
def test_every_role_and_function_can_be_recorded(role: str, warmer: str) -> None:
    """A role's name may hold a comma, which no tag's value may."""
    record = AttachRecord(warmer, role, ("PREFIXWARM_TABLE", "AWS_LAMBDA_EXEC_WRAPPER"))
    tags = record.tags()
    assert all(VALUE.fullmatch(value) for value in tags.values()), tags
    assert AttachRecord.of({**tags, "theirs": "x"}) == record


def test_all_variables_fit() -> None:
    """Whatever is attached together, a tag is long enough for the names."""
    record = AttachRecord("w" * 64, "r" * 64, attached_names())
    assert all(VALUE.fullmatch(value) for value in record.tags().values())
    again = AttachRecord.of(record.tags())
    assert again is not None
    assert sorted(again.variables) == sorted(record.variables)
    assert (again.warmer, again.role) == (record.warmer, record.role)


def attached_names() -> tuple[str, ...]:
    """The variables that `attach` may set."""
    times = (settings.INIT, settings.INIT_HINT_MS, settings.INIT_HOLD_MS, settings.GATE_MS)
    more = (settings.INIT_USD_PER_WEEK, settings.FIRST, settings.ASK, runtime_wrapper.VARIABLE)
    return (*attaching._COMMON, *attaching._CREDENTIALS, *times, *more)


@given(name=FUNCTIONS, region=st.sampled_from(["eu-west-1", "us-gov-west-1", "cn-north-1"]))
def test_names_and_arns_of_functions(name: str, region: str) -> None:
    """In every form in which Lambda takes them, and of every partition."""
    partition = {"us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn"}.get(region, "aws")
    arn = f"arn:{partition}:lambda:{region}:123456789012:function:{name}"
    assert unqualified(name) == unqualified(arn) == unqualified(f"{arn}:$LATEST") == name
    assert unqualified(f"123456789012:function:{name}") == name
    assert (region_of(arn), region_of(name)) == (region, None)
    # The longest names that IAM and Lambda take.
    assert len(policy_name(name)) <= 128
