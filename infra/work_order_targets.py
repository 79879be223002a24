"""Recipients outside of AWS of changes of alarms: one entry of `workOrderTargets`, validated."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from mlops_core.alerting.episodes import Stage, StepKind

_Change = Annotated[StepKind, Field(strict=False)]
_Stage = Annotated[Stage, Field(strict=False)]


class WorkOrderTarget(BaseModel):
    """One destination.

    Attributes:
        name: Names its resources.
        endpoint: Where it is called; HTTPS only.
        secret_name: The secret in Secrets Manager whose text is the value of `header`.
        header: The header that carries the credential.
        method: How it is called.
        changes: Which changes of an episode it receives (default: all).
        stages: Of episodes in which stages (default: both).
        body: The JSON that it is sent; a text that begins with `$.detail` is replaced by that value of the event
            (default: the event as docs/alarm-event.schema.json describes it).
        calls_per_second: The most calls that it takes.

    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel, validate_by_name=True)

    name: Annotated[str, StringConstraints(pattern=r"\A[a-z][a-z0-9-]{0,15}\z")]
    endpoint: Annotated[str, StringConstraints(pattern=r"\Ahttps://[^\s/]+(/\S*)?\z", max_length=2048)]
    secret_name: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    header: Annotated[str, StringConstraints(pattern=r"\A[A-Za-z0-9-]{1,64}\z")] = "Authorization"
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    changes: Annotated[tuple[_Change, ...], Field(strict=False, min_length=1)] = tuple(StepKind)
    stages: Annotated[tuple[_Stage, ...], Field(strict=False, min_length=1)] = tuple(Stage)
    body: dict[str, Any] | None = None
    calls_per_second: Annotated[int, Field(ge=1, le=300)] = 10
