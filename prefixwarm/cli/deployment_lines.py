"""Writes the deployment lines that keep prefixes warm, for CDK, SAM or Terraform."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prefixwarm.prefix.prefix_file import PrefixFile

TOOLS = ("cdk", "sam", "terraform")
KEYS = ("secret:NAME", "parameter:NAME")

_CDK = """\
# In the stack that holds the agent's function:
{imports}
from prefixwarm_cdk import Credentials, KeepWarm, PrefixWarmer

{key}
warmer = PrefixWarmer(
    self,
    "Warm",
    prefixes=["{out}"],  # seen from the folder with cdk.json
    credentials={credentials},
    keep_warm=KeepWarm.{keep_warm}(),
)
warmer.attach(agent_function)  # your lambda_.Function

# Then: cdk deploy; prefixwarm doctor --stack STACK"""
_CDK_KEYS = {
    "secret": (
        "from aws_cdk import aws_secretsmanager as secretsmanager",
        'secret = secretsmanager.Secret.from_secret_name_v2(self, "ClaudeKey", "{name}")\n',
        "Credentials.secret(secret)",
    ),
    "parameter": (
        "from aws_cdk import aws_ssm as ssm",
        """\
parameter = ssm.StringParameter.from_secure_string_parameter_attributes(
    self, "ClaudeKey", parameter_name="{name}"
)
""",
        "Credentials.ssm_parameter(parameter)",
    ),
    "role": ("", "", "Credentials.function_role()"),
}
_SAM = """\
# Once for each change of the prompt; it prints ManifestKey, StateKeys and CacheScope:
prefixwarm layer package --prefixes {out} --policy {rule}{region} --out build
aws s3 cp --recursive build/objects s3://MY-BUCKET/prefixwarm/

# Copy examples/sam/template.yaml, then deploy it:
sam deploy --guided --parameter-overrides {key}"""
_TERRAFORM = """\
# Once for each change of the prompt:
prefixwarm layer package --prefixes {out} --policy {rule}{region} --out build

# In your configuration, with the module of examples/terraform:
module "prefixwarm" {{
  source      = "./examples/terraform"
  build       = "${{path.root}}/build"
  bucket      = "my-bucket"
  {key}
  functions   = {{ {functions} }}
}}
# Add module.prefixwarm.layer_arn to the agent's layers, merge module.prefixwarm.environment into
# its variables, and attach module.prefixwarm.agent_policy to its role."""


def lines_for(
    tool: str, files: Sequence[PrefixFile], out: Path, *, keep_warm: str, key: tuple[str, str]
) -> str:
    """Return the lines to add.

    Parameters
    ----------
    keep_warm
        The rule that the plan recommends; with ``never``, only starts warm.
    key
        Where the key is stored: the kind (``secret``, ``parameter`` or ``role``) and its name.
    """
    if tool == "cdk":
        return _cdk(out, "off" if keep_warm == "never" else keep_warm, key)
    kind, name = key
    signs = kind == "role"
    if tool == "sam":
        template, of_key = _SAM, f"ApiKeyArn=ARN-OF-{name}"
        of_role = "ModelArns=ARNS-OF-THE-MODELS"
    else:
        template, of_key = _TERRAFORM, f'api_key_arn = "ARN-OF-{name}"'
        of_role = 'model_arns  = ["ARN-OF-THE-MODEL"]'
    return template.format(
        out=out,
        rule=keep_warm,
        region=" --region REGION" if signs else "",
        key=of_role if signs else of_key,
        functions=", ".join(
            f"{file.name} = [aws_lambda_function.agent.function_name]" for file in files
        ),
    )


def _cdk(out: Path, rule: str, key: tuple[str, str]) -> str:
    imports, made, credentials = _CDK_KEYS[key[0]]
    text = _CDK.format(
        imports=imports,
        key=made.format(name=key[1]),
        out=out,
        credentials=credentials,
        keep_warm=rule,
    )
    return "\n".join(row for i, row in enumerate(text.split("\n")) if row or i > 3)
