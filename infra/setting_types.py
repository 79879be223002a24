"""The types of a stack's settings: what one value can be. What values can be together, infra.stack_settings says."""

from typing import Annotated, Literal, cast
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from contract.functions import FUNCTIONS
from infra.schedule_expression import schedule_problem
from mlops_core.condition import CATEGORIES
from mlops_core.errors import InvalidArgumentError
from mlops_core.features import channel_statistics, check_event_names
from mlops_core.telemetry import MACHINE_ID_PATTERN, Channel, Channels, is_machine_id

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
LogRetention = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]  # fmt: skip


def _schedule(expression: str) -> str:
    if problem := schedule_problem(expression):
        raise ValueError(problem)
    return expression


def _time_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("is no time zone of IANA, such as Europe/Berlin or America/Sao_Paulo")
    return name


def _python(version: object) -> object:
    if version == "3.11":
        raise ValueError("Lambda runs Python 3.11 on Amazon Linux 2, for which numpy has no wheels; choose 3.13")
    return version


def _function(name: str) -> str:
    if name not in FUNCTIONS:
        known = ", ".join(repr(function) for function in FUNCTIONS)
        message = f"{name!r} is none of the functions: {known}"
        raise ValueError(message)
    return name


def as_text(given: object) -> object:
    """A number or truth value as its text: `pulumi config set --path` writes what looks like one as one."""
    if isinstance(given, bool):
        return str(given).lower()
    return str(given) if isinstance(given, int | float) else given


def _bucket(name: str) -> str:
    if name.startswith(_BUCKET_PREFIXES) or name.endswith(_BUCKET_SUFFIXES):
        raise ValueError(f"S3 keeps names that begin with {_BEGINNINGS} or end with {_ENDINGS} for itself")
    return name


# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
_BUCKET_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
_BEGINNINGS, _ENDINGS = ", ".join(_BUCKET_PREFIXES), ", ".join(_BUCKET_SUFFIXES)


def checked_machines(machine_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Return machine ids, all of them legal and each there once. Raises ValueError."""
    for machine_id in machine_ids:
        if not is_machine_id(machine_id):
            raise ValueError(f"{machine_id!r} is not a machine id, which matches {MACHINE_ID_PATTERN}")
        if machine_ids.count(machine_id) > 1:
            raise ValueError(f"{machine_id!r} is listed more than once")
    return machine_ids


def checked_lengths(lengths: tuple[int, ...]) -> tuple[int, ...]:
    """Return window lengths, each there once. Raises ValueError."""
    if len(set(lengths)) < len(lengths):
        raise ValueError("a length is listed more than once")
    return lengths


# All environment variables of a function hold 4 KB together.
_FEATURE_LIST_CHARACTERS = 800


def _fits_the_environment(names: tuple[str, ...]) -> tuple[str, ...]:
    if sum(map(len, names)) > _FEATURE_LIST_CHARACTERS:
        raise ValueError(f"the names have more than {_FEATURE_LIST_CHARACTERS} characters together; name fewer")
    return names


def _checked_events(names: tuple[str, ...]) -> tuple[str, ...]:
    check_event_names(names)  # its error is a ValueError
    return _fits_the_environment(names)


def _checked_attributes(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        attribute, is_category, value = name.partition("=")
        if (attribute in CATEGORIES) != bool(is_category and value) or not attribute:
            raise ValueError(f"{name!r} is neither a rated value nor one of {', '.join(CATEGORIES)} with =VALUE")
        if names.count(name) > 1:
            raise ValueError(f"{name!r} is listed more than once")
    return _fits_the_environment(names)


EventFeatures = Annotated[tuple[str, ...], AfterValidator(_checked_events), Field(max_length=50, strict=False)]
AttributeFeatures = Annotated[tuple[str, ...], AfterValidator(_checked_attributes), Field(max_length=50, strict=False)]
FunctionName = Annotated[str, AfterValidator(_function)]


def _channels(raw: object) -> Channels:
    """Channels from their list in the configuration, whose keys are in camelCase. Raises PydanticCustomError.

    A program that has channels already gives those.
    """
    if isinstance(raw, Channels):
        return raw
    problems: list[str] = []
    found: list[Channel] = []
    for number, item in enumerate(cast("list[object]", raw) if isinstance(raw, list | tuple) else [raw]):
        fields = cast("dict[str, object]", item) if isinstance(item, dict) else {"": item}
        where = f"channels[{number}] ({fields.get('name', 'without a name')})"
        try:
            found.append(Channel.model_validate({_FIELD.get(key, key): value for key, value in fields.items()}))
        except ValidationError as error:
            problems += [f"{where}: {_fault(fault)}" for fault in error.errors(include_url=False)]
    try:
        channels = Channels(*found)
        channel_statistics(channels)
    except InvalidArgumentError as error:
        problems.append(error.message)
    else:
        if not problems and channels:
            return channels
    problem = "; ".join(problems) or "holds no channel; name at least one"
    raise PydanticCustomError("conflict", "{problem}", {"key": "channels", "problem": problem})


def _fault(fault: ErrorDetails) -> str:
    name = "".join(str(part) for part in fault["loc"][:1])
    key = next((camel for camel, snake in _FIELD.items() if snake == name), name)
    return f"{key} {fault['msg'].removeprefix('Value error, ')}".strip()


_FIELD = {"payloadField": "payload_field"}
ConfiguredChannels = Annotated[Channels, PlainValidator(_channels)]
Schedule = Annotated[str, AfterValidator(_schedule)]
TimeZone = Annotated[str, AfterValidator(_time_zone)]
LambdaPython = Annotated[Literal["3.12", "3.13", "3.14", "host"], BeforeValidator(_python)]
TimeoutSeconds = Annotated[int, Field(ge=1, le=900)]
MemoryMb = Annotated[int, Field(ge=128, le=10240)]
# The prefix is part of MQTT filters, IAM resources and a regular expression: nothing that one of them reads as its own.
# A topic has at most 7 slashes and 256 bytes, which the machine id (64) and the channel (32) share.
TopicPrefix = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+){0,3}$", max_length=128)]
BucketName = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9-]{1,61}[a-z0-9])?$"), AfterValidator(_bucket)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
