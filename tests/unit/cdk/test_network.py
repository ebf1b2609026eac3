"""The keep-warm function in a VPC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import aws_ec2 as ec2

if TYPE_CHECKING:
    from pathlib import Path

# Synthesis takes seconds in all; test_contract.py compares whole templates in a quick run.
pytestmark = pytest.mark.slow


def network(stack: Any) -> ec2.IVpc:
    """A VPC that another team owns."""
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-00000000000000001",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        private_subnet_ids=["subnet-00000000000000001", "subnet-00000000000000002"],
        isolated_subnet_ids=["subnet-00000000000000003", "subnet-00000000000000004"],
    )


def keep_warm(bench: Any, read: Any) -> dict[str, Any]:
    """The only function of the template."""
    (function,) = read.resources(bench.template(), "AWS::Lambda::Function")
    return dict(function)


def test_it_runs_in_private_subnets(bench: Any, read: Any) -> None:
    """With a security group of its own that lets everything out and nothing in."""
    bench.warmer(vpc=network(bench.stack))
    placed = keep_warm(bench, read)["VpcConfig"]
    assert placed["SubnetIds"] == ["subnet-00000000000000001", "subnet-00000000000000002"]
    (group,) = read.resources(bench.template(), "AWS::EC2::SecurityGroup")
    assert [rule["IpProtocol"] for rule in group["SecurityGroupEgress"]] == ["-1"]
    assert "SecurityGroupIngress" not in group


def test_subnets_and_groups_can_be_named(bench: Any, read: Any) -> None:
    """And then no group is made."""
    vpc = network(bench.stack)
    group = ec2.SecurityGroup.from_security_group_id(bench.stack, "Group", "sg-00000000000000001")
    isolated = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)
    bench.warmer(vpc=vpc, vpc_subnets=isolated, security_groups=[group])
    assert keep_warm(bench, read)["VpcConfig"] == {
        "SecurityGroupIds": ["sg-00000000000000001"],
        "SubnetIds": ["subnet-00000000000000003", "subnet-00000000000000004"],
    }


def test_its_role_may_make_interfaces_before_the_function_is_there(bench: Any) -> None:
    """Lambda checks that when the function is created."""
    bench.warmer(vpc=network(bench.stack))
    resources = bench.template().to_json()["Resources"]
    (name,) = [name for name, r in resources.items() if "CreateNetworkInterface" in json.dumps(r)]
    (function,) = [r for r in resources.values() if r["Type"] == "AWS::Lambda::Function"]
    assert name in function["DependsOn"]
    assert resources[name]["Properties"]["Roles"] == [{"Ref": role_of(function)}]


def role_of(function: dict[str, Any]) -> str:
    """Logical id of the function's role."""
    return str(function["Properties"]["Role"]["Fn::GetAtt"][0])


def test_workers_are_in_the_network_too(bench: Any, read: Any) -> None:
    """They reach the same services."""
    bench.warmer(vpc=network(bench.stack), workers_beyond=0)
    functions = read.resources(bench.template(), "AWS::Lambda::Function")
    assert len(functions) == 2
    assert all(function["VpcConfig"]["SubnetIds"] for function in functions)


def test_without_a_network_nothing_of_it_is_there(template: Any) -> None:
    """The default."""
    assert "ec2:" not in json.dumps(template.to_json())
    assert "VpcConfig" not in json.dumps(template.to_json())


def test_cdk_nag_finds_nothing(bench: Any, tmp_path: Path, add_checks: Any) -> None:
    """The wildcard of the interfaces has its own reason."""
    bench.warmer(vpc=network(bench.stack))
    add_checks(bench.app)
    bench.app.synth()
    report = json.loads((tmp_path / "cdk.out" / "validation-report.json").read_text())
    assert [v["ruleName"] for p in report["pluginReports"] for v in p["violations"]] == []
