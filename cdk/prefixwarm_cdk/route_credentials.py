"""Credentials by route, for functions that use several routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prefixwarm.errors import UsageError
from prefixwarm.provider.routes import ROUTES
from prefixwarm.settings import API_KEY_SECRET
from prefixwarm_cdk.credential_sources import Credentials
from prefixwarm_cdk.inputs import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import aws_lambda as lambda_
    from constructs import IConstruct

    from prefixwarm.prefix.prefix_file import PrefixFile


def credentials_of(value: Credentials | Mapping[str, Credentials]) -> Credentials:
    """Combine credentials by route into one object.

    Raises
    ------
    UsageError
        A name is not a route, or a value is not credentials.
    """
    example = "Credentials.secret(secret)"
    if not isinstance(value, Mapping):
        return value
    for route, own in value.items():
        if route not in ROUTES:
            raise UsageError(f"{shown(route)} is no route; write some of {', '.join(ROUTES)}")
        if not isinstance(own, Credentials):
            raise UsageError(f"of {route} are a plain {type(own).__name__}; pass {example}")
    return _ByRoute(value)


class _ByRoute(Credentials):
    """Uses each route's credentials for its prefixes."""

    def __init__(self, by_route: Mapping[str, Credentials]) -> None:
        self._by_route = dict(by_route)

    def environment(self) -> dict[str, str]:
        """The variables of all routes, with the stored keys by route in one variable."""
        merged: dict[str, str] = {}
        stored = []
        for route, own in self._by_route.items():
            variables = own.environment()
            if reference := variables.pop(API_KEY_SECRET, None):
                stored.append(f"{route}={reference}")
            self._refuse_clash(route, merged, variables)
            merged |= variables
        return merged | ({API_KEY_SECRET: " ".join(stored)} if stored else {})

    def check(self, files: Iterable[PrefixFile]) -> None:
        files = list(files)
        for file in files:
            if file.route not in self._by_route:
                raise UsageError(
                    f"prefix {file.name}: there are no credentials for its route; "
                    f'write {{"{file.route}": ...}}'
                )
        for route, own in self._by_route.items():
            own.check([file for file in files if file.route == route])
        self.environment()

    def grant(self, function: lambda_.Function, files: Iterable[PrefixFile]) -> None:
        files = list(files)
        for route, own in self._by_route.items():
            if sent := [file for file in files if file.route == route]:
                own.grant(function, sent)

    def owners(self) -> tuple[IConstruct, ...]:
        return tuple(owner for own in self._by_route.values() for owner in own.owners())

    @staticmethod
    def _refuse_clash(route: str, merged: Mapping[str, str], added: Mapping[str, str]) -> None:
        for name, value in added.items():
            if merged.get(name, value) != value:
                raise UsageError(
                    f"{route!r} sets {name} to another value than a route before it; "
                    "a function has only one; give both routes the same"
                )
