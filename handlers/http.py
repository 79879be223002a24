"""The HTTP API: Powertools' resolver, which routes and validates, and the problems that both functions answer with.

docs/openapi.json is made from the resolvers of the functions: a route, a field or a status is defined once.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from json import dumps
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias, Union

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.openapi.params import Path
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel, ConfigDict, Field

from mlops_core.telemetry import MACHINE_ID_PATTERN

JSON: Final = "application/json"


class Document(BaseModel):
    """A document of the endpoint: every field is always there."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class Problem(Document):
    """Why there is no answer: a message to read; each kind adds `error`, a code for programs."""

    message: str


class BadRequest(Problem):
    """The request cannot be read."""

    error: Literal["BAD_REQUEST"] = "BAD_REQUEST"


class Fault(Document):
    """One reason why a request cannot be read."""

    field: str = Field(description="Of the body; empty where it is the body as a whole")
    reason: str


class UnreadableBody(BadRequest):
    """A body that fails validation, with each reason.

    called: completes "This is", for the message. known_fields: the names of fields that an answer may repeat.
    """

    called: ClassVar[str]
    known_fields: ClassVar[Collection[str]]
    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, faults: tuple[Fault, ...]) -> Self:
        """Return the problem that these faults make."""
        reasons = "; ".join(f"{fault.field} {fault.reason}".strip() for fault in faults)
        return cls(message=f"This is {cls.called}: {reasons}", faults=faults)

    @classmethod
    def because_of(cls, faults: Sequence[Mapping[str, Any]]) -> Self:
        """Return the problem that reading the request ran into; what it holds is not repeated."""
        return cls.of(tuple(cls._fault(found["loc"][1:], found["msg"]) for found in faults))

    @classmethod
    def _fault(cls, location: tuple[int | str, ...], message: str) -> Fault:
        field = ".".join(str(part) for part in location)
        # The name of an unknown field is the sender's own text: it is not sent back.
        return Fault(field=field if field in cls.known_fields else "", reason=message.removeprefix("Value error, "))


class NotFound(Problem):
    """There is no such path."""

    error: Literal["NOT_FOUND"] = "NOT_FOUND"
    message: str = "There is no such path"


class UnknownMachine(Problem):
    """No machine of that id has had features."""

    error: Literal["UNKNOWN_MACHINE"] = "UNKNOWN_MACHINE"
    message: str = "No machine of that id has had features"


class NoModel(Problem):
    """No model may serve."""

    error: Literal["NO_MODEL"] = "NO_MODEL"


class Contradiction(Problem):
    """What is recorded already says otherwise."""

    error: Literal["CONTRADICTION"] = "CONTRADICTION"


class UnknownAlarm(Problem):
    """There is no such episode, or a newer one has taken its place."""

    error: Literal["UNKNOWN_ALARM"] = "UNKNOWN_ALARM"


class RefusedAnswer(Problem):
    """The episode, as it is, does not take this answer."""

    error: Literal["REFUSED"] = "REFUSED"


class GatewayMessage(Document):
    """What API Gateway itself says, where a request does not reach a function or a function failed."""

    message: str


class UnknownMachineError(Exception):
    """A request is about a machine that there is not."""


MachineIdInPath = Annotated[
    str, Path(pattern=f"^{MACHINE_ID_PATTERN}$", description="The machine's id, as in its topics")
]

Answer: TypeAlias = tuple[int, str, type[Document]]
"""A status, when it is answered, and the document."""

# A 503 of the gateway itself: the function was busy or ran out of time.
_OF_THE_GATEWAY: Final[Sequence[Answer]] = (
    (403, "Not signed, or not allowed by IAM", GatewayMessage),
    (429, "Too many requests at once: try again, more slowly", GatewayMessage),
    (500, "The function failed: try again", GatewayMessage),
    (503, "The function did not answer in time: try again", GatewayMessage),
)


def respond(status: HTTPStatus, document: Document) -> Response[str]:
    """Return a response that carries a document."""
    return Response(status_code=int(status), content_type=JSON, body=document.model_dump_json())


def caller(event: Mapping[str, Any]) -> str | None:
    """Return who signed a request, as IAM knows them."""
    authorizer: dict[str, dict[str, Any] | None] = event["requestContext"].get("authorizer") or {}
    identity = authorizer.get("iam")
    return identity.get("userArn") if identity else None


class _WholePaths(APIGatewayHttpResolver):
    """Takes a path to its end: `$`, with which Powertools ends its patterns, leaves a newline over."""

    @staticmethod
    def _compile_regex(rule: str, base_regex: str = r"^{}\Z") -> re.Pattern[str]:
        return APIGatewayHttpResolver._compile_regex(rule, base_regex)  # noqa: SLF001 - as the REST resolver does


def responses(*answers: Answer) -> dict[int, OpenAPIResponse]:
    """Return what a route answers by status, for the description; what API Gateway itself says is added."""
    by_status: defaultdict[int, list[tuple[str, type[Document]]]] = defaultdict(list)
    for status, description, document in (*answers, *_OF_THE_GATEWAY):
        code = document.model_fields.get("error")
        by_status[status].append((description if code is None else f"{description} ({code.default})", document))
    return {
        status: {
            "description": "; or: ".join(description for description, _ in each),
            "content": {JSON: {"model": Union[tuple(document for _, document in each)]}},  # noqa: UP007 - of as many as there are
        }
        for status, each in sorted(by_status.items())
    }


def resolver(refuse: Callable[[Sequence[Mapping[str, Any]]], Problem]) -> APIGatewayHttpResolver:
    """Return the resolver of a function.

    Args:
        refuse: the problem that the faults of a request make, each with `loc` (such as `("body", "at")`) and `msg`.

    """
    compact = partial(dumps, separators=(",", ":"), ensure_ascii=False)
    app = _WholePaths(enable_validation=True, serializer=compact)

    def unknown(_: Exception) -> Response[str]:
        return respond(HTTPStatus.NOT_FOUND, UnknownMachine())

    def not_found(error: Exception) -> Response[str]:
        # API Gateway passes known routes only: what matches none is an id that no machine or episode can have.
        path = app.current_event.path
        if path.startswith("/alarms/"):
            return respond(HTTPStatus.NOT_FOUND, UnknownAlarm(message="There is no such episode"))
        return unknown(error) if path.startswith("/machines/") else respond(HTTPStatus.NOT_FOUND, NotFound())

    def unreadable(error: RequestValidationError | RequestUnsupportedContentType) -> Response[str]:
        faults: list[dict[str, Any]] = list(error.errors())
        if any(fault["loc"][0] == "path" for fault in faults):
            return unknown(error)
        return respond(HTTPStatus.BAD_REQUEST, refuse(faults))

    def no_json(error: Exception) -> Response[str]:
        fault = {"loc": ("body",), "msg": f"is no JSON ({type(error).__name__})"}
        return respond(HTTPStatus.BAD_REQUEST, refuse([fault]))

    app.not_found(not_found)  # pyright: ignore[reportUnknownMemberType] - untyped in Powertools
    app.exception_handler(UnknownMachineError)(unknown)
    app.exception_handler([RequestValidationError, RequestUnsupportedContentType])(unreadable)
    app.exception_handler([UnicodeDecodeError, RecursionError])(no_json)
    return app
