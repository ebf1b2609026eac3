"""Every error that prefixwarm raises.

::

    PrefixwarmError
    ├── UsageError                 the caller's input is at fault: exit code 2
    │   ├── SettingsError          an environment variable or argument
    │   ├── PrefixFileError        a prefix file: which file, which field, what to do
    │   ├── UnwarmableRequestError a request whose shape forbids a warm call
    │   └── DoesNotFitError        a conversation that cannot be shortened to its budget
    ├── BudgetExceeded             a call that would cost more than its budget has left
    ├── CredentialsError           no credentials, or they cannot be fetched
    ├── DeploymentError            what is deployed cannot be read or changed
    ├── StateError                 the warm state cannot be reached or refuses us
    │   ├── StateItemError         one prefix's item cannot be read; the others can
    │   └── LeaseLostError         another caller makes the warm call; nothing was sent
    ├── TransportError             no usable HTTP reply
    │   ├── ConnectError           nothing was sent
    │   ├── DeadlineError          the caller's time is over
    │   └── ProtocolError          the reply is not HTTP, or not what was promised
    │       └── UnusableUsageError  its usage holds numbers that cannot be
    └── ProviderError              the model provider or AWS answered with an error
"""

from __future__ import annotations


class PrefixwarmError(Exception):
    """Root of all errors raised by prefixwarm."""


class UsageError(PrefixwarmError):
    """The caller's input is at fault; the message says where and what to do."""


class SettingsError(UsageError):
    """A setting has a value that is not understood."""


class PrefixFileError(UsageError):
    """A prefix file cannot be used.

    Parameters
    ----------
    source
        The file's path, or what stands for it.
    field
        The field at fault, dotted; empty when the whole file is.
    problem
        What was found and what to do.
    """

    def __init__(self, source: object, field: str, problem: str) -> None:
        self.source = str(source)
        self.field = field
        self.problem = problem
        super().__init__(": ".join(part for part in (self.source, field, problem) if part))


class UnwarmableRequestError(UsageError):
    """A request's shape forbids a warm call; `field` names the part at fault."""

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")


class DoesNotFitError(UsageError):
    """What may not be dropped of a prompt is larger than its budget; all in tokens.

    Parameters
    ----------
    prefix
        The prefix's size.
    rest
        The size of what must follow it: the last round.
    budget
        The budget.
    """

    def __init__(self, prefix: int, rest: int, budget: int) -> None:
        self.prefix = prefix
        self.rest = rest
        self.budget = budget
        super().__init__(
            f"fit: the prefix has about {prefix:,} tokens and the last round {rest:,}; the budget "
            f"is {budget:,}: raise it, or shorten what the last round holds"
        )


class BudgetExceeded(PrefixwarmError):  # noqa: N818 - a public name
    """A call would cost more than its budget has left; nothing was sent.

    Parameters
    ----------
    unit
        ``usd`` or ``tokens``.
    period
        ``call`` or ``day``, which is a UTC day.
    spent
        What was spent or is reserved in the period; 0 for a single call.
    cap
        The budget.
    would_cost
        What the call might have cost at most, as estimated; None where its price is unknown.
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
            cost = f"it would cost up to {_amount(unit, would_cost)}"
            cure = f"raise {unit}_per_{period}, or send less"
        so_far = f"{_amount(unit, spent)} of " if period == "day" else ""
        spending = f"{so_far}{_amount(unit, cap)} a {period}" + (" spent" if so_far else "")
        super().__init__(f"the call was not sent: {cost}, with {spending}; {cure}")


def _amount(unit: str, value: float) -> str:
    return f"${value:,.4f}" if unit == "usd" else f"{value:,.0f} tokens"


class NothingSharedError(UnwarmableRequestError):
    """A request has nothing that other requests could share."""


class CredentialsError(PrefixwarmError):
    """Credentials are missing or cannot be fetched."""


class DeploymentError(PrefixwarmError):
    """What is deployed in AWS cannot be read or changed; the message says what was tried."""


class StateError(PrefixwarmError):
    """The warm state cannot be reached or read, or access to it is denied."""


class StateItemError(StateError):
    """One item of the warm state holds what cannot be read; it says nothing about the others.

    Parameters
    ----------
    key
        The item's key.
    problem
        The attribute at fault, and what to do.
    """

    def __init__(self, key: str, problem: str) -> None:
        self.key = key
        self.problem = problem
        super().__init__(f"{key}: {problem}")


class LeaseLostError(StateError):
    """Another caller has taken the lease over, so that this one must not send."""

    def __init__(self) -> None:
        super().__init__("another caller has taken the lease over: this one was too slow to send")


class TransportError(PrefixwarmError):
    """No usable HTTP reply."""


class ConnectError(TransportError):
    """No connection: nothing was sent."""


class DeadlineError(TransportError):
    """The caller's time was over before the reply was complete."""


class ProtocolError(TransportError):
    """The reply is not HTTP, is cut short, or is larger than allowed."""


class UnusableUsageError(ProtocolError):
    """A reply's usage holds a number that cannot be a count of tokens; `field` names it."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(
            f"usage.{field} is no number of tokens: what the call cost is unknown, and nothing "
            "more is sent for a day"
        )


class ProviderError(PrefixwarmError):
    """The model provider, or an AWS service, answered with an error.

    Parameters
    ----------
    status
        HTTP status.
    error_type
        The provider's word for the error, such as ``rate_limit_error``; empty when it gave none.
    error_code
        ``error.details.error_code`` where there is one, such as ``enforced_spend_limit_reached``.
    retry_after
        Seconds that the provider asks to wait, or None.
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
