"""docs/openapi.json as a judge: is an answer one that the document promises, and nothing beside?"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "docs" / "openapi.json").read_text())
ROUTES = [f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods]


def operation(route: str) -> dict[str, Any]:
    """What the document says of `GET /path`."""
    method, path = route.split(" ")
    return DOCUMENT["paths"][path][method.lower()]


def check(route: str, status: int, content_type: str | None, body: object) -> None:
    """Fail unless the document promises this answer: its status, its kind, each field and no other."""
    promised = operation(route)["responses"]
    assert str(status) in promised, f"{route} answered {status}, which is not documented: {body}"
    (kind,) = promised[str(status)]["content"]
    assert content_type == kind, f"{route} answered {status} with {content_type}"
    validator(route, str(status)).validate(body)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, or the one that it refers to."""
    if "$ref" not in schema:
        return schema
    return DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


@cache
def validator(route: str, status: str) -> Draft202012Validator:
    """Judge of a route's answers of one status; formats count, and fields that are not documented are refused."""
    schemas = {name: {**schema, **_closed(schema)} for name, schema in DOCUMENT["components"]["schemas"].items()}
    (content,) = operation(route)["responses"][status]["content"].values()
    root = {**content["schema"], "components": {"schemas": schemas}}
    return Draft202012Validator(root, format_checker=FormatChecker())


def _closed(schema: dict[str, Any]) -> dict[str, bool]:
    return {"additionalProperties": False} if "properties" in schema else {}
