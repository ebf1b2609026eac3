"""The templates for SAM and Terraform have the construct's alarms and its query on trouble."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hcl2

EXAMPLES = Path(__file__).parents[3] / "examples"
Alarm = tuple[str, str, float, int, str]
# Of workers, where there are some.
DEAD: Alarm = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", 900, 1, "notBreaching")


def of_template(resources: dict[str, Any]) -> set[Alarm]:
    """Namespace, metric, period, threshold and what silence means, of each alarm."""
    alarms = [r for r in resources.values() if r["Type"] == "AWS::CloudWatch::Alarm"]
    names = ("Namespace", "MetricName", "Period", "Threshold", "TreatMissingData")
    return {tuple(alarm["Properties"][name] for name in names) for alarm in alarms}  # type: ignore[misc]


def constructs_alarms(template: Any) -> set[Alarm]:
    """Those of a warmer without workers."""
    return of_template(template.to_json()["Resources"])


def of_module() -> set[Alarm]:
    """The same of the Terraform module."""
    text = (EXAMPLES / "terraform" / "alarms.tf").read_text()
    (tables,) = hcl2.loads(text)["locals"]
    own = [
        tuple(
            value.strip('"') if isinstance(value, str) else value
            for value in (a["namespace"], a["metric"], a["period"], 3, a["missing"])
        )
        for a in tables["alarms"].values()
    ]
    return {*own, DEAD}  # type: ignore[arg-type]


def test_the_sam_template_has_the_constructs_alarms(template: Any) -> None:
    """Metric by metric, with the same limits."""
    # Dear to import.
    from cfnlint.decode import cfn_yaml

    sam = cfn_yaml.load(str(EXAMPLES / "sam" / "template.yaml"))
    assert of_template(sam["Resources"]) == constructs_alarms(template) | {DEAD}


def test_the_terraform_module_has_the_constructs_alarms(template: Any) -> None:
    """Metric by metric, with the same limits."""
    assert of_module() == constructs_alarms(template) | {DEAD}


def test_they_have_the_constructs_query_on_trouble(template: Any) -> None:
    """Their alarm refers to it."""
    text = next(
        r["Properties"]["QueryString"]
        for r in template.find_resources("AWS::Logs::QueryDefinition").values()
        if r["Properties"]["Name"].endswith("is anything wrong")
    )
    for path in ("sam/template.yaml", "terraform/alarms.tf"):
        lines = [line.strip() for line in (EXAMPLES / path).read_text().splitlines()]
        start = lines.index(text.splitlines()[0])
        assert lines[start : start + 4] == text.splitlines()
