"""What the functions behind the HTTP API answer with: a document, or a problem with its code and its reason."""

from enum import StrEnum
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict

Response = dict[str, Any]
"""What API Gateway is given (payload format 2.0)."""


class Document(BaseModel):
    """A document of the endpoint: every field is always there."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class ProblemCode(StrEnum):
    """What a request ran into."""

    BAD_REQUEST = "BAD_REQUEST"
    NOT_FOUND = "NOT_FOUND"
    UNKNOWN_MACHINE = "UNKNOWN_MACHINE"
    NO_MODEL = "NO_MODEL"
    CONTRADICTION = "CONTRADICTION"


class Problem(Document):
    """Why there is no answer: a code for programs, a message for people."""

    error: ProblemCode
    message: str


def answer(status: HTTPStatus, document: Document) -> Response:
    """Return a response that carries a document."""
    return {
        "statusCode": int(status),
        "headers": {"content-type": "application/json"},
        "body": document.model_dump_json(),
    }


def problem(status: HTTPStatus, code: ProblemCode, message: str) -> Response:
    """Return a response that says what is wrong with the request."""
    return answer(status, Problem(error=code, message=message))
