"""What the state machine gives the steps that read history: the execution, and the moment up to which they know it."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, StringConstraints

Execution = Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9_-]{1,80}\z")]


class TrainingEvent(BaseModel):
    """The name of the state machine's execution, and when it began: what was known then is what is learned from."""

    execution: Execution
    started_at: AwareDatetime
