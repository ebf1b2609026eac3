"""Reads the manifest and prefix files from S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from prefixwarm.boto_replies import code_of, replies
from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.prefix.file_form import MAX_BYTES
from prefixwarm.safe_text import quoted
from prefixwarm.settings import MANIFEST

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Bucket:
    """A read-only bucket."""

    def __init__(self, client: S3Client, name: str) -> None:
        self._client = client
        self._name = name

    def url(self, key: str) -> str:
        """The name of an object in messages."""
        return f"s3://{self._name}/{key}"

    def read(self, key: str) -> bytes:
        """Read an object; of an oversized one, one byte more than a prefix file may have.

        Raises
        ------
        PrefixFileError
            It cannot be read; trying again later may help.
        """
        try:
            with replies():
                reply = self._client.get_object(Bucket=self._name, Key=key)
                with reply["Body"] as body:
                    return body.read(MAX_BYTES + 1)
        except ClientError as error:
            cure = "deploy again, or let the function's role read it"
            problem = f"cannot be read ({code_of(error)}); {cure}"
            raise PrefixFileError(self.url(key), "", problem) from error
        except BotoCoreError as error:
            raise PrefixFileError(self.url(key), "", f"cannot be read: {error}") from error


def split_url(url: str | None) -> tuple[str, str]:
    """Split the manifest's URL into bucket and key.

    Raises
    ------
    SettingsError
        It is not an S3 URL.
    """
    scheme, _, rest = (url or "").partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not bucket or not key:
        raise SettingsError(f"{MANIFEST}={quoted(url or '')}: write s3://BUCKET/KEY")
    return bucket, key
