"""How settings are written into environment variables and read from them: the types of values, and the base of models.

A field's name in capitals is its variable, unless its alias says another; what has a unit is a duration here and a
whole number there. The program makes an instance and deploys its `variables`; the handler reads them back (`read`).
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    ValidationError,
)

from mlops_core.errors import MlopsError
from mlops_core.lake import MAXIMUM_SHARDS


class InvalidEnvironmentError(MlopsError):
    """The function's environment variables do not form valid settings; the message names each variable at fault."""

    def __init__(self, function: str, error: ValidationError) -> None:
        faults = "; ".join(f"{_variable(fault['loc'])}{fault['msg']}" for fault in error.errors(include_input=False))
        super().__init__(f"{function} cannot be read from the environment: {faults}", "Set them on the function")


def _variable(location: tuple[int | str, ...]) -> str:
    """Name the variable of a pydantic error location; empty for a rule over several of them."""
    name = "".join(f"[{part}]" if isinstance(part, int) else part for part in location)
    return f"{name}: " if name else ""


def _whole(unit: str) -> Callable[[object], timedelta]:
    def parse(raw: object) -> timedelta:
        one = timedelta(**{unit: 1})
        try:
            span = raw if isinstance(raw, timedelta) else int(str(raw)) * one
        except (ValueError, OverflowError):
            span = timedelta(0)
        if span <= timedelta(0) or span % one:
            raise ValueError(f"must be a whole number of {unit}, 1 or more, and fewer than a billion days")
        return span

    return parse


def _count(unit: str) -> PlainSerializer:
    return PlainSerializer(lambda span: span // timedelta(**{unit: 1}), return_type=int)


def _from_json(raw: object) -> object:
    if not isinstance(raw, str):
        return raw
    try:
        return json.loads(raw)
    except ValueError:
        raise ValueError("must be JSON") from None


Days = Annotated[timedelta, BeforeValidator(_whole("days")), _count("days")]
Hours = Annotated[timedelta, BeforeValidator(_whole("hours")), _count("hours")]
Minutes = Annotated[timedelta, BeforeValidator(_whole("minutes")), _count("minutes")]
Seconds = Annotated[timedelta, BeforeValidator(_whole("seconds")), _count("seconds")]
Name = Annotated[str, StringConstraints(min_length=1)]
TopicPrefix = Annotated[str, StringConstraints(pattern=r"\A[^+#/\s]+(/[^+#/\s]+)*\z")]
Shards = Annotated[int, Field(ge=1, le=MAXIMUM_SHARDS)]
Json = BeforeValidator(_from_json)
"""Of a field whose variable holds JSON."""
Lengths = Annotated[tuple[Hours, ...], Json, Field(alias="FEATURE_LENGTHS_HOURS")]
Hop = Annotated[Minutes, Field(alias="FEATURE_HOP_MINUTES")]


class FunctionSettings(BaseModel):
    """What every function needs."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=str.upper, validate_by_name=True)

    powertools_service_name: Name
    powertools_metrics_namespace: Name
    powertools_log_level: Name = "INFO"
    time_zone: Name = "UTC"

    @classmethod
    def variable(cls, field: str) -> str:
        """The environment variable of a field."""
        return cls.model_fields[field].alias or field.upper()

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """Fill the model from `environ`. Raises InvalidEnvironmentError, which names each variable at fault."""
        own = (cls.variable(field) for field in cls.model_fields)
        try:
            return cls.model_validate({name: environ[name] for name in own if name in environ})
        except ValidationError as error:
            raise InvalidEnvironmentError(cls.__name__, error) from error

    def variables(self) -> dict[str, str]:
        """The environment variables from which `read` makes an equal instance."""
        dumped: dict[str, Any] = self.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        return {
            name: value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
            for name, value in dumped.items()
        }
