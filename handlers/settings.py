"""The only reader of environment variables.

They are read at the first invocation of a fresh environment, so a wrong or missing variable ends the cold start with an
error that names the variable, and importing a handler needs no environment at all.
"""

import os
from typing import TypeVar

from contract.environment import FunctionSettings

Settings = TypeVar("Settings", bound=FunctionSettings)


def read(model: type[Settings]) -> Settings:
    """Fill `model` from the environment. Raises InvalidEnvironmentError, which names each variable at fault."""
    return model.read(os.environ)
