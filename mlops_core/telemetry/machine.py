"""What a machine may be called."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

from mlops_core.errors import InvalidArgumentError

MACHINE_ID_PATTERN: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"

_MACHINE_ID: Final = re.compile(MACHINE_ID_PATTERN, re.ASCII)


def is_machine_id(text: str) -> bool:
    """Tell whether `text` may name a machine: 1 to 64 of `A-Z a-z 0-9 _ -`, the first a letter or digit."""
    return _MACHINE_ID.fullmatch(text) is not None


def check_machine_id(machine_id: str) -> str:
    """Return `machine_id`, or raise InvalidArgumentError where it may not name a machine."""
    if not is_machine_id(machine_id):
        raise InvalidArgumentError(
            "machine_id", machine_id, f"does not match {MACHINE_ID_PATTERN}", "Use letters, digits, '-' and '_' only"
        )
    return machine_id


MachineId = Annotated[str, AfterValidator(check_machine_id)]
