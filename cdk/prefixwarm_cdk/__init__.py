"""AWS CDK constructs that keep prompt-cache prefixes warm."""

from prefixwarm.extras import needed_by

with needed_by("prefixwarm_cdk"):
    from prefixwarm_cdk.credential_sources import Credentials
    from prefixwarm_cdk.keep_warm import Budget, KeepWarm
    from prefixwarm_cdk.warmer import PrefixWarmer

__all__ = ["Budget", "Credentials", "KeepWarm", "PrefixWarmer"]
