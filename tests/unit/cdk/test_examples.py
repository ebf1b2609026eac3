"""The templates for SAM and Terraform have the construct's alarms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hcl2
from cfnlint.decode import cfn_yaml

EXAMPLES = Path(__file__).parents[3] / "examples"
Alarm = tuple[str, str, float, int, str]


def of_template(resources: dict[str, Any]) -> set[Alarm]:
    """Namespace, metric, period, threshold and what silence means, of each alarm."""
    alarms = [r for r in resources.values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    names = ("Namespace", "MetricName", "Period", "Threshold", "TreatMissingData")
    return {tuple(alarm["Properties"][name] for name in names) for alarm in alarms}  # type: ignore[misc]


def of_module() -> set[Alarm]:
    """The same of the Terraform module."""
    text = (EXAMPLES / "terraform" / "alarms.tf").read_text()
    document = hcl2.loads(text)
    (tables,) = document["locals"]
    own = {name.strip('"'): entry for name, entry in tables["own_alarms"].items()}
    found: set[Alarm] = set()
    for name, alarm in own.items():
        silence = "breaching" if name == "stopped" else "notBreaching"
        metric = alarm["metric"].strip('"')
        found.add(("prefixwarm", metric, alarm["period"], alarm["threshold"], silence))
    for alarm in tables["function_alarms"].values():
        metric = alarm["metric"].strip('"')
        found.add(("AWS/Lambda", metric, 900, 3, "notBreaching"))
    found.add(("AWS/SQS", "ApproximateNumberOfMessagesVisible", 900, 1, "notBreaching"))
    return found


def test_the_sam_template_has_the_constructs_alarms(template: Any) -> None:
    """Metric by metric, with the same limits."""
    sam = cfn_yaml.load(str(EXAMPLES / "sam" / "template.yaml"))
    assert of_template(sam["Resources"]) == of_template(template.to_json()["Resources"])


def test_the_terraform_module_has_the_constructs_alarms(template: Any) -> None:
    """Metric by metric, with the same limits."""
    assert of_module() == of_template(template.to_json()["Resources"])
