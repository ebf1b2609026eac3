"""Uploads the layer, the keep-warm function's code, prefix files and the manifest.

Everything is addressed by the SHA-256 of its bytes, so that every machine uploads the same.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aws_cdk import Annotations, AssetHashType, Stage, Token
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3_assets as s3_assets
from constructs import Construct

from prefixwarm.prefix import manifest
from prefixwarm.prefix.manifest import Entry
from prefixwarm.prefix.prefix_file import MAX_BYTES
from prefixwarm_cdk.inputs import argument_error
from prefixwarm_layer.bytecode import bytecode_warning
from prefixwarm_layer.zips import build_keepwarm, build_layer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import IConstruct

    from prefixwarm_cdk.keep_warm import Budget
    from prefixwarm_cdk.prefixes import Prefix


# What Lambda unpacks for one function, in bytes.
_LAYER_LIMIT = 250 * 1024 * 1024
# A prefix file's key is its content's hash plus this with its name. Grants go by name, so that a
# role can read earlier versions of its prefixes but no other prefixes.
_SUFFIX = ".prefix-"
# IAM allows about 10 KB of policy per role; with more prefixes, all names are granted.
_MOST_LISTED = 40


def layer_zip(
    scope: IConstruct, prefixes: Sequence[Prefix], *, observe: bool, limit: int = _LAYER_LIMIT
) -> Path:
    """Build the layer's zip with these prefixes, with or without `prefixwarm.observe`.

    Raises
    ------
    UsageError
        It exceeds the limit, in bytes.
    """
    label = sha256(" ".join(prefix.digest for prefix in prefixes).encode()).hexdigest()[:16]
    path = _folder(scope) / f"layer-{label}{'' if observe else '-alone'}.zip"
    build_layer(path, [p.path for p in prefixes], observe=observe)
    size = path.stat().st_size
    if size > limit:
        raise argument_error(
            "attach",
            "prefixes",
            f"a layer of {size} bytes is over Lambda's limit of {limit}; "
            "select each function's prefixes with attach(prefixes=[...])",
        )
    if warning := bytecode_warning(path):
        Annotations.of(scope).add_warning_v2("prefixwarm:bytecode", warning)
    return path


def keepwarm_code(scope: IConstruct) -> lambda_.Code:
    """The keep-warm function's code."""
    return code(build_keepwarm(_folder(scope) / "keepwarm.zip"))


class Manifest(Construct):
    """Uploads the keep-warm function's list of prefixes, and the prefix files, to S3."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        prefixes: Sequence[Prefix],
        policy: Mapping[str, Any],
        latency_value: float,
        budget: Budget | None,
        calls_per_minute: int | None,
        limit: int = MAX_BYTES,
    ) -> None:
        super().__init__(scope, construct_id)
        objects = {prefix: self._upload_prefix(prefix) for prefix in prefixes}
        document = manifest.Manifest(
            entries=tuple(Entry.of(prefix.file, self._key(o)) for prefix, o in objects.items()),
            policy_document=policy,
            latency_value=latency_value,
            budget_usd_per_day=budget.dollars if budget else None,
            calls_per_minute=calls_per_minute or manifest.CALLS_PER_MINUTE,
        )
        asset = self._upload_manifest(document.to_json(), limit)
        self.url = asset.s3_object_url
        names = [prefix.name for prefix in prefixes] if len(prefixes) <= _MOST_LISTED else ["*"]
        keys = [asset.s3_object_key, *(f"*{_SUFFIX}{name}" for name in names)]
        self.objects = [asset.bucket.arn_for_objects(key) for key in keys]

    def _upload_prefix(self, prefix: Prefix) -> s3_assets.Asset:
        path = _folder(self) / f"{prefix.digest}{_SUFFIX}{prefix.name}"
        path.touch(0o600)
        path.write_bytes(prefix.path.read_bytes())
        return _asset(self, f"Prefix-{prefix.name}", path)

    def _upload_manifest(self, text: str, limit: int) -> s3_assets.Asset:
        if len(text.encode()) > limit:
            raise argument_error(
                "PrefixWarmer",
                "prefixes",
                f"a manifest of {len(text.encode())} bytes is over the limit of {limit}, "
                "about 19,000 prefixes; spread them over several warmers",
            )
        path = _folder(self) / f"manifest-{self.node.addr[-8:]}.json"
        path.write_text(text, encoding="utf-8")
        return _asset(self, "Manifest", path)

    def _key(self, asset: s3_assets.Asset) -> str:
        key = asset.s3_object_key
        if Token.is_unresolved(key):
            raise argument_error(
                "PrefixWarmer",
                "scope",
                "the stack's synthesizer gives assets no fixed keys; use DefaultStackSynthesizer "
                "without tokens in bucket_prefix",
            )
        return key


def _folder(scope: IConstruct) -> Path:
    """A folder in the cloud assembly, so that no files are left elsewhere."""
    stage = Stage.of(scope)
    if stage is None:
        problem = f"{scope.node.path} is not in an App or Stage; pass a stack that is"
        raise argument_error("PrefixWarmer", "scope", problem)
    folder = Path(stage.asset_outdir) / ".prefixwarm"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal: the address of its asset."""
    return sha256(path.read_bytes()).hexdigest()


def code(path: Path) -> lambda_.Code:
    """A file as Lambda code, addressed by its bytes."""
    return lambda_.Code.from_asset(
        str(path), asset_hash=digest(path), asset_hash_type=AssetHashType.CUSTOM
    )


def _asset(scope: Construct, construct_id: str, path: Path) -> s3_assets.Asset:
    return s3_assets.Asset(
        scope,
        construct_id,
        path=str(path),
        asset_hash=digest(path),
        asset_hash_type=AssetHashType.CUSTOM,
    )
