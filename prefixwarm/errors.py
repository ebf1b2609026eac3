"""Every error that prefixwarm raises.

::

    PrefixwarmError
    ├── UsageError                 the caller's input is invalid: exit code 2
    │   ├── SettingsError          an environment variable or argument
    │   ├── PrefixFileError        a prefix file: which file, which field, what to do
    │   ├── UnwarmableRequestError a request whose shape forbids a warm call
    │   └── DoesNotFitError        a conversation that cannot be shortened to its budget
    ├── BudgetExceeded             a call that would cost more than is left of its budget
    ├── CredentialsError           credentials are missing or cannot be fetched
    ├── DeploymentError            the deployment cannot be read or changed
    ├── StateError                 the warm state cannot be reached or denies access
    │   ├── StateItemError         one prefix's item cannot be read; the others can
    │   └── LeaseLostError         another caller holds the lease; nothing was sent
    ├── TransportError             no usable HTTP reply
    │   ├── ConnectError           nothing was sent
    │   ├── DeadlineError          the caller's deadline has passed
    │   └── ProtocolError          the reply is malformed
    │       └── UnusableUsageError  its usage holds impossible numbers
    └── ProviderError              the model provider or AWS answered with an error
"""

from __future__ import annotations


class PrefixwarmError(Exception):
    """Root of all errors raised by prefixwarm."""


class UsageError(PrefixwarmError):
    """The caller's input is invalid; the message says where and what to do."""


class SettingsError(UsageError):
    """A setting has an invalid value."""


class PrefixFileError(UsageError):
    """A prefix file cannot be used.

    Parameters
    ----------
    source
        The file's path, or a name for it.
    field
        The dotted path of the invalid field; empty when it is the whole file.
    problem
        What is wrong and what to do.
    """

    def __init__(self, source: object, field: str, problem: str) -> None:
        self.source = str(source)
        self.field = field
        self.problem = problem
        super().__init__(": ".join(part for part in (self.source, field, problem) if part))


class UnwarmableRequestError(UsageError):
    """A request's shape rules out a warm call; `field` names the part that does."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class DoesNotFitError(UsageError):
    """The part of a prompt that must stay is larger than the budget; all sizes in tokens.

    Parameters
    ----------
    prefix
        The prefix's size.
    rest
        The size of the last round, which must follow the prefix.
    budget
        The budget.
    """

    def __init__(self, prefix: int, rest: int, budget: int) -> None:
        self.prefix = prefix
        self.rest = rest
        self.budget = budget
        # Not at the top: the init phase loads this module, and never says an amount.
        from prefixwarm.amounts import tokens

        super().__init__(
            f"fit: the prefix has {tokens(prefix, estimated=True)} tokens and the last round "
            f"{tokens(rest, estimated=True)}; the budget is {tokens(budget)}: raise it, or shorten "
            "what the last round holds"
        )


class BudgetExceeded(PrefixwarmError):  # noqa: N818 - a public name
    """A call would cost more than is left of its budget; nothing was sent.

    Parameters
    ----------
    unit
        ``usd`` or ``tokens``.
    period
        ``call`` or ``day`` (UTC).
    spent
        Spent or reserved in the period; 0 for a single call.
    cap
        The budget.
    would_cost
        Estimate of the most the call could have cost; None if its price is unknown.
    """

    def __init__(
        self, unit: str, period: str, spent: float, cap: float, would_cost: float | None
    ) -> None:
        self.unit = unit
        self.period = period
        self.spent = spent
        self.cap = cap
        self.would_cost = would_cost
        if would_cost is None:
            cost, cure = "its price is unknown", "give its price in CostGate(prices=...)"
        else:
            cost = f"it would cost up to {_amount(unit, would_cost, estimated=True)}"
            cure = f"raise {unit}_per_{period}, or send less"
        so_far = f"{_amount(unit, spent)} of " if period == "day" else ""
        spending = f"{so_far}{_amount(unit, cap)} a {period}" + (" spent" if so_far else "")
        super().__init__(f"the call was not sent: {cost}, with {spending}; {cure}")


def _amount(unit: str, value: float, *, estimated: bool = False) -> str:
    from prefixwarm.amounts import dollars, tokens

    if unit == "usd":
        return dollars(value)
    return f"{tokens(round(value), estimated=estimated)} tokens"


class NothingSharedError(UnwarmableRequestError):
    """A request contains nothing that other requests could share."""


class CredentialsError(PrefixwarmError):
    """Credentials are missing or cannot be fetched."""


class DeploymentError(PrefixwarmError):
    """A deployment in AWS cannot be read or changed; the message says what was tried."""


class StateError(PrefixwarmError):
    """The warm state cannot be reached or read, or denies access."""


class StateItemError(StateError):
    """One item of the warm state cannot be read; other items are unaffected.

    Parameters
    ----------
    key
        The item's key.
    problem
        The invalid attribute, and what to do.
    """

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


class LeaseLostError(StateError):
    """Another caller has taken over the lease, so this one must not send."""

    def __init__(self) -> None:
        super().__init__("another caller has taken over the lease: this one was too slow to send")


class TransportError(PrefixwarmError):
    """No usable HTTP reply."""


class ConnectError(TransportError):
    """The connection failed; nothing was sent."""


class DeadlineError(TransportError):
    """The deadline passed before the reply was complete."""


class ProtocolError(TransportError):
    """The reply is not HTTP, is cut short, or is larger than allowed."""


class UnusableUsageError(ProtocolError):
    """A reply's usage holds an impossible token count; `field` names it."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(
            f"usage.{field} is not a token count: the call's cost is unknown, so nothing "
            "more is sent for a day"
        )


class ProviderError(PrefixwarmError):
    """The model provider, or an AWS service, answered with an error.

    Parameters
    ----------
    status
        HTTP status.
    error_type
        The provider's name for the error, such as ``rate_limit_error``; empty if it gave none.
    error_code
        ``error.details.error_code`` if present, such as ``enforced_spend_limit_reached``.
    retry_after
        Seconds the provider asks the caller to wait, or None.
    """

    def __init__(
        self,
        status: int,
        error_type: str = "",
        error_code: str = "",
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.error_type = error_type
        self.error_code = error_code
        self.retry_after = retry_after
        texts = [f"HTTP {status}", error_type, error_code]
        super().__init__(" ".join(text for text in texts if text))
