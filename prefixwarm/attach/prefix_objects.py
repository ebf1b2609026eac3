"""Downloads the prefix files of a deployment from its bucket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.attach.deployed import client_of
from prefixwarm.errors import PrefixFileError, UsageError
from prefixwarm.prefix.file_form import reads
from prefixwarm.prefix.manifest import parse
from prefixwarm.prefix.prefix_file import SUFFIX
from prefixwarm.settings import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import boto3

    from prefixwarm.attach.deployed import KeepWarmConfiguration
    from prefixwarm.prefix.prefix_file import PrefixFile


@dataclass(frozen=True)
class PrefixObject:
    """A prefix file and the path of its local copy."""

    path: Path
    file: PrefixFile


def download(
    keep_warm: KeepWarmConfiguration,
    names: Sequence[str],
    folder: Path,
    session: boto3.Session,
) -> list[PrefixObject]:
    """Copy prefix files of a deployment byte for byte, so that starts send the same requests.

    Parameters
    ----------
    names
        Names of the prefixes; empty for all of the deployment's.
    folder
        An empty folder.

    Raises
    ------
    UsageError
        The deployment has no such prefix, or its manifest or a file is unusable.
    """
    from prefixwarm.keepwarm.s3 import Bucket, split_url

    bucket_name, key = split_url(keep_warm.environment.get(MANIFEST))
    with aws_errors("S3"):
        bucket = Bucket(client_of(session, "s3"), bucket_name)
    try:
        entries = {entry.name: entry for entry in parse(bucket.read(key), bucket.url(key)).entries}
    except PrefixFileError as error:
        raise UsageError(f"the manifest {error}") from error
    unknown = [name for name in names if name not in entries]
    if unknown:
        there_are = ", ".join(sorted(entries))
        raise UsageError(f"--prefix {unknown[0]}: {keep_warm.name} has none; write {there_are}")
    return [
        _copied(bucket.read(entry.object), name, folder, bucket.url(entry.object))
        for name, entry in sorted(entries.items())
        if not names or name in names
    ]


def _copied(content: bytes, name: str, folder: Path, source: str) -> PrefixObject:
    file = reads(content, source)
    if file.name != name:
        problem = f"{file.name!r}: the manifest calls it {name!r}; deploy again"
        raise PrefixFileError(source, "name", problem)
    path = folder / f"{file.name}{SUFFIX}"
    path.write_bytes(content)
    return PrefixObject(path, file)
