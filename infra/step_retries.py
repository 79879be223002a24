"""What a step of a state machine is tried again for, and what not."""

from typing import Any, Final

from mlops_core import errors

TERMINAL_ERRORS: Final = (
    *sorted(
        name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.MlopsError)
    ),
    "UnknownModelError",
    "InvalidEnvironmentError",
    "ValidationError",
)
"""What the same input would end in again, by the class of the exception: all errors of the core, and these."""


def never(*errors_of_step: str) -> dict[str, Any]:
    """Do not try terminal errors again, nor those that the step handles by itself."""
    return {"ErrorEquals": [*TERMINAL_ERRORS, *errors_of_step], "MaxAttempts": 0}


def again(attempts: int) -> dict[str, Any]:
    """Try whatever failed again, so many times, later each time."""
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": 5,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }


def again_when_busy(attempts: int) -> dict[str, Any]:
    """Try again where the function has no room for another run."""
    return {
        "ErrorEquals": ["Lambda.TooManyRequestsException"],
        "IntervalSeconds": 5,
        "BackoffRate": 2,
        "MaxDelaySeconds": 60,
        "JitterStrategy": "FULL",
        "MaxAttempts": attempts,
    }
