"""Attaches a function: plans the changes and makes them."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from prefixwarm import settings
from prefixwarm.attach import grants, refused_functions, runtime_wrapper, runtimes
from prefixwarm.attach.agent_function import AgentFunction, layer_name, read
from prefixwarm.attach.attach_record import AttachRecord
from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.attach.deployed import client_of
from prefixwarm.attach.key_grants import credential_grants
from prefixwarm.attach.prefix_objects import download
from prefixwarm.attach.steps import (
    ConfigurationStep,
    LayerStep,
    RoleStep,
    Step,
    TagStep,
    delete_policy,
    delete_versions,
    policy_name,
    run,
)
from prefixwarm.errors import UsageError
from prefixwarm.prefix.manifest import state_keys
from prefixwarm.provider import federation, keys
from prefixwarm.provider.routes import AWS_WORKSPACE_ID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import boto3

    from prefixwarm.attach.deployed import KeepWarmConfiguration
    from prefixwarm.attach.prefix_objects import PrefixObject


# The settings that an attached function shares with the keep-warm function.
_COMMON = (
    settings.TABLE,
    settings.DEPLOYMENT,
    settings.CACHE_SCOPE,
    settings.LATENCY_VALUE,
    settings.DIAGNOSE,
    settings.METRICS,
)
# The variables for authentication; never a key itself.
_CREDENTIALS = (
    settings.API_KEY_SECRET,
    AWS_WORKSPACE_ID,
    keys.FEDERATION_RULE_ID,
    federation.ORGANIZATION_ID,
    federation.SERVICE_ACCOUNT_ID,
    federation.WORKSPACE_ID,
)


@dataclass(frozen=True)
class Attachment:
    """The changes of attaching a function.

    Attributes
    ----------
    function : AgentFunction
        Its current configuration.
    prefixes : tuple of str
        Names of the prefixes in its layer.
    variables : mapping of str to str
        The variables to add or change.
    removed : tuple of str
        Variables of an earlier `attach` to remove.
    policy : mapping
        The policy for its role.
    code : bytes or None
        The layer's zip; None if the function has it already.
    record : AttachRecord
        The record to store.
    former_role : str
        The role with the policy of an earlier `attach`, if the function has another role now.
    warnings : tuple of str
        What may keep it from working.
    """

    function: AgentFunction
    prefixes: tuple[str, ...]
    variables: Mapping[str, str]
    removed: tuple[str, ...]
    policy: Mapping[str, Any]
    code: bytes | None
    record: AttachRecord
    former_role: str
    warnings: tuple[str, ...]

    def apply(self, session: boto3.Session) -> None:
        """Make the changes; if one fails, undo all.

        Raises
        ------
        DeploymentError
            The message names what failed and what could not be undone.
        """
        client, iam = client_of(session, "lambda"), client_of(session, "iam")
        name = self.function.name
        layer = LayerStep(client, self.function, self.code) if self.code else None
        role = RoleStep(iam, self.function.role, name, self.policy)
        change = ConfigurationStep(client, self.function, layer, self.variables, self.removed)
        # The record keeps removed parts until they are gone.
        both = replace(self.record, variables=(*self.record.variables, *self.removed)).tags()
        first = TagStep(client, self.function, both)
        record = TagStep(client, self.function, self.record.tags(), *both)
        steps: list[Step] = [first, role, *([layer] if layer else ()), change, record]
        run(steps, name)
        with aws_errors("it is attached, but parts of the earlier attach remain"):
            if layer:
                delete_versions(client, layer_name(name), keep={layer.arn})
            if self.former_role:
                delete_policy(iam, self.former_role, policy_name(name))


def attachment(
    name: str,
    keep_warm: KeepWarmConfiguration,
    session: boto3.Session,
    *,
    prefixes: Sequence[str] = (),
    own: Mapping[str, str],
    observe: str = "on",
) -> Attachment:
    """Plan the changes to attach a function to a deployment.

    Parameters
    ----------
    name
        The function's name or ARN.
    prefixes
        Names of the prefixes that it sends; empty for all of the deployment's.
    own
        Settings for this function alone, by variable.
    observe
        ``on`` for a layer with `prefixwarm.observe`, ``auto`` to also observe the function without
        a code change, ``off`` for a layer without it. Runtimes without Python never get it.

    Raises
    ------
    UsageError
        The function cannot have the layer (the construct refuses the same ones), or a prefix is
        unknown.
    DeploymentError, CredentialsError
        AWS cannot be reached, or refuses.
    """
    settings.Settings.from_environment(own)
    function = read(client_of(session, "lambda"), name)
    _refuse(function, keep_warm)
    if observe == "auto":
        _refuse_if(function, runtime_wrapper.refusal(function.runtime))
        own = {**own, runtime_wrapper.VARIABLE: runtime_wrapper.WRAPPER}
    with TemporaryDirectory() as folder:
        objects = download(keep_warm, prefixes, Path(folder), session)
        names = tuple(one.file.name for one in objects)
        _refuse_if(function, refused_functions.prefixes(len(names), "--prefix"))
        _refuse_if(function, refused_functions.first(own.get(settings.FIRST), names))
        brings = observe != "off" and runtimes.may_warm(function.runtime)
        code, warning = _code(objects, Path(folder), observe=brings)
    policy = policy_of(function, keep_warm, objects, session)
    wanted = _wanted(function, keep_warm, own)
    record, variables, removed = _variables(function, keep_warm, wanted)
    return Attachment(
        function=function,
        prefixes=names,
        variables=variables,
        removed=removed,
        policy=policy,
        code=None if carries(function, code, session) else code,
        record=record,
        former_role=_former_role(function),
        warnings=_warnings(function, warning),
    )


def _refuse(function: AgentFunction, keep_warm: KeepWarmConfiguration) -> None:
    place, there = function.place, keep_warm.arn.split(":")
    _refuse_if(function, refused_functions.package(function.package))
    _refuse_if(function, refused_functions.architecture(function.architecture))
    _refuse_if(function, refused_functions.region(place.region, there[3]))
    if place.account != there[4]:
        raise _refusal(function, f"is in the account {place.account}, the warmer in {there[4]}")
    record = AttachRecord.of(function.tags)
    if record is None and settings.TABLE in function.environment:
        raise _refusal(
            function,
            f"is already attached, by its stack or by hand: it has {settings.TABLE}; "
            "attach it there",
        )
    if record and record.warmer != keep_warm.name:
        raise _refusal(function, refused_functions.other_warmer(record.warmer))
    own = [layer for layer in function.layers if layer.startswith(function.layer_arn)]
    _refuse_if(function, refused_functions.layers(len(function.layers) - len(own)))


def _code(
    objects: Sequence[PrefixObject], folder: Path, *, observe: bool
) -> tuple[bytes, str | None]:
    """The layer's zip, and a warning about missing bytecode."""
    from prefixwarm_layer.bytecode import bytecode_warning
    from prefixwarm_layer.zips import build_layer

    path = build_layer(folder / "layer.zip", [one.path for one in objects], observe=observe)
    return path.read_bytes(), bytecode_warning(path)


def carries(function: AgentFunction, code: bytes, session: boto3.Session) -> bool:
    """Whether the function already has exactly this layer."""
    own = [layer for layer in function.layers if layer.startswith(function.layer_arn)]
    if len(own) != 1:
        return False
    try:
        with aws_errors(f"the layer {own[0]}"):
            version = client_of(session, "lambda").get_layer_version_by_arn(Arn=own[0])
            digest = base64.b64encode(sha256(code).digest()).decode()
            return bool(version["Content"]["CodeSha256"] == digest)
    except UsageError:
        # It has been deleted.
        return False


def policy_of(
    function: AgentFunction,
    keep_warm: KeepWarmConfiguration,
    objects: Sequence[PrefixObject],
    session: boto3.Session,
) -> dict[str, Any]:
    environment, place = keep_warm.environment, function.place
    table = environment.get(settings.TABLE, "")
    with aws_errors(f"the table {table}"):
        description = client_of(session, "dynamodb").describe_table(TableName=table)["Table"]
        table_arn = description["TableArn"]
        encryption_key = description.get("SSEDescription", {}).get("KMSMasterKeyArn")
    scope = environment.get(settings.CACHE_SCOPE, "default")
    files = [one.file for one in objects]
    patterns = [state_keys(file, place.region, scope) for file in files]
    own = [grants.state(table_arn, patterns, function.runtime)]
    if encryption_key:
        own.append(grants.table_key(encryption_key, place.region))
    if runtimes.may_warm(function.runtime):
        own += credential_grants(environment, files, place, session)
    if runtimes.asks(function.runtime):
        own.append(grants.ask(keep_warm.arn))
    return {"Version": "2012-10-17", "Statement": [grant.statement() for grant in own]}


def _wanted(
    function: AgentFunction, keep_warm: KeepWarmConfiguration, own: Mapping[str, str]
) -> dict[str, str]:
    """The variables that the function should have."""
    names = [*_COMMON, *(_CREDENTIALS if runtimes.may_warm(function.runtime) else ())]
    there = keep_warm.environment
    wanted = {name: there[name] for name in names if there.get(name)}
    if runtimes.asks(function.runtime):
        wanted[settings.ASK] = keep_warm.name
    return wanted | dict(own)


def _variables(
    function: AgentFunction, keep_warm: KeepWarmConfiguration, wanted: Mapping[str, str]
) -> tuple[AttachRecord, dict[str, str], tuple[str, ...]]:
    """The record, the variables to set, and those to remove.

    Variables set by others are never changed; a different value is refused.
    """
    before = AttachRecord.of(function.tags)
    added = set(before.variables) if before else set()
    theirs = {name: text for name, text in function.environment.items() if name not in added}
    for name, text in wanted.items():
        if theirs.get(name, text) != text:
            raise _refusal(function, f"already has {name} with another value; remove it first")
    ours = {name: text for name, text in wanted.items() if name not in theirs}
    _refuse_if(function, refused_functions.environment({**theirs, **ours}))
    changed = {n: text for n, text in ours.items() if function.environment.get(n) != text}
    removed = tuple(sorted(n for n in added - {*ours} if n in function.environment))
    return AttachRecord(keep_warm.name, function.role, (*sorted(ours),)), changed, removed


def _former_role(function: AgentFunction) -> str:
    before = AttachRecord.of(function.tags)
    return before.role if before and before.role != function.role else ""


def _warnings(function: AgentFunction, of_layer: str | None) -> tuple[str, ...]:
    texts = (
        of_layer,
        refused_functions.old_python(function.runtime),
        refused_functions.snap_start(function.snap_start),
    )
    return tuple(text for text in texts if text)


def _refuse_if(function: AgentFunction, problem: str) -> None:
    if problem:
        raise _refusal(function, problem)


def _refusal(function: AgentFunction, problem: str) -> UsageError:
    return UsageError(f"{function.name}: {problem}")
