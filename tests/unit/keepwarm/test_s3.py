"""The bucket and the key of the manifest, by its URL."""

from __future__ import annotations

import pytest

from prefixwarm.errors import SettingsError
from prefixwarm.keepwarm.s3 import split_url


def test_the_manifests_url() -> None:
    """Bucket and key."""
    assert split_url("s3://bucket/a/b.json") == ("bucket", "a/b.json")


@pytest.mark.parametrize(
    "url", [None, "", "bucket/key", "https://bucket/key", "s3://bucket", "s3:///k"]
)
def test_other_urls_are_refused(url: str | None) -> None:
    """With the shape that is understood."""
    with pytest.raises(SettingsError, match=r"PREFIXWARM_MANIFEST=.*s3://BUCKET/KEY"):
        split_url(url)
