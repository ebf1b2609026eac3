"""Records in a function's tags what was attached, so that exactly that can be detached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


_WARMER = "prefixwarm:attached"
_ROLE = "prefixwarm:role"
# A tag value has at most 256 characters, so our variables are stored without their common start.
_SETTINGS = "prefixwarm:settings"
_OTHERS = "prefixwarm:variables"
_BEGINNING = "PREFIXWARM_"
# A role's name may hold a comma, and a tag's value may not; of a colon it is the other way round.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
_COMMA = ":"

TAGS = (_WARMER, _ROLE, _SETTINGS, _OTHERS)


@dataclass(frozen=True)
class AttachRecord:
    """What was attached.

    Attributes
    ----------
    warmer : str
        Name of the keep-warm function of the deployment.
    role : str
        Name of the role that got the policy.
    variables : tuple of str
        Names of the variables that were added.
    """

    warmer: str
    role: str
    variables: tuple[str, ...]

    @classmethod
    def of(cls, tags: Mapping[str, str]) -> AttachRecord | None:
        """Read the record from a function's tags; None if nothing was attached."""
        if _WARMER not in tags:
            return None
        settings = (f"{_BEGINNING}{name}" for name in tags.get(_SETTINGS, "").split())
        variables = (*settings, *tags.get(_OTHERS, "").split())
        return cls(tags[_WARMER], tags.get(_ROLE, "").replace(_COMMA, ","), variables)

    def tags(self) -> dict[str, str]:
        """The tags that `of` reads."""
        own = [name for name in self.variables if name.startswith(_BEGINNING)]
        others = [name for name in self.variables if name not in own]
        values = {
            _WARMER: self.warmer,
            _ROLE: self.role.replace(",", _COMMA),
            _SETTINGS: " ".join(name.removeprefix(_BEGINNING) for name in own),
            _OTHERS: " ".join(others),
        }
        return {name: value for name, value in values.items() if value}
