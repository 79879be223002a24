"""What the steps of an execution of training have in common: its name, up to when it knows history, and its rows."""

from typing import Annotated, Final

from pydantic import AwareDatetime, BaseModel, StringConstraints

from mlops_core.lake import TRAINING_PREFIX

Execution = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,80}\z")]

IS_HELD_OUT: Final = "is_held_out"
RECIPE: Final = "recipe"
"""The entry of the object's metadata that holds the recipe of the rows' features, as JSON."""


class TrainingEvent(BaseModel):
    """The name of the state machine's execution, and when it began: what was known then is what is learned from."""

    execution: Execution
    started_at: AwareDatetime


def rows_key(execution: str) -> str:
    """Return the key of an execution's labelled rows."""
    return f"{TRAINING_PREFIX}{execution}/rows.parquet"
