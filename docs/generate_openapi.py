"""Writes docs/openapi.json, the description of the HTTP API: `python -m docs.generate_openapi`.

Schemas come from the models that the functions answer with and read requests into; which operation answers what is said
in OPERATIONS, and a test asks each of them.
"""

import json
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from handlers.answers import Problem, ProblemCode
from handlers.machine_reports import FleetQuery, FleetReport, MachineReport
from handlers.maintenance_documents import MaintenanceReceipt, MaintenanceRequest, RefusedRecord
from mlops_core.telemetry import MACHINE_ID_PATTERN

DOCUMENT: Final = Path(__file__).parent / "openapi.json"
_PROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"

_DESCRIPTION: Final = """\
What the model says of the machines of one stack, and what technicians say of them. The stack's output
`inference_endpoint` is the server. Every request is signed (AWS Signature Version 4, service `execute-api`) by an
identity that IAM allows `execute-api:Invoke` on the stack's `inference_invoke_arn`, for maintenance on its
`maintenance_invoke_arn`."""

_MACHINE_ID: Final = {
    "name": "machine_id",
    "in": "path",
    "required": True,
    "description": "The machine's id, as in its topics",
    "schema": {"type": "string", "pattern": f"^{MACHINE_ID_PATTERN}$"},
}


_REFERENCE: Final = "#/components/schemas/{model}"


class _WithoutTitles(GenerateJsonSchema):
    """Leaves out the titles that are made of names and say nothing more."""

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002 - the signature is pydantic's
        return False


class GatewayMessage(BaseModel):
    """What API Gateway itself says, where a request does not reach a function or a function failed."""

    message: str


@dataclass(frozen=True)
class Operation:
    """One route: what it answers with by status, and what a request may carry."""

    name: str
    summary: str
    answers: Mapping[int, tuple[str, type[BaseModel]]]
    problems: Mapping[int, tuple[str, ProblemCode]]
    parameters: tuple[Mapping[str, Any], ...] = ()
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    tags: tuple[str, ...] = field(default=("predictions",))


_NO_MODEL: Final = ("No model may serve: none was promoted, or all that were are refused", ProblemCode.NO_MODEL)
_UNKNOWN: Final = ("No machine of that id has had features", ProblemCode.UNKNOWN_MACHINE)

OPERATIONS: Final[Mapping[str, Operation]] = {
    "GET /machines": Operation(
        name="listMachines",
        summary="The fleet, the most probable failure first",
        query=FleetQuery,
        answers={200: ("The worst machines, up to the limit", FleetReport)},
        problems={400: ("A query that cannot be read", ProblemCode.BAD_REQUEST), 503: _NO_MODEL},
    ),
    "GET /machines/{machine_id}": Operation(
        name="getMachine",
        summary="One machine: probability, remaining life, severity, and why",
        parameters=(_MACHINE_ID,),
        answers={200: ("What is foretold, or in its status why nothing is", MachineReport)},
        problems={404: _UNKNOWN, 503: _NO_MODEL},
    ),
    "POST /machines/{machine_id}/maintenance": Operation(
        name="recordMaintenance",
        summary="Record a failure or a repair that no sensor announced; the same record again changes nothing",
        tags=("maintenance",),
        parameters=(_MACHINE_ID,),
        body=MaintenanceRequest,
        answers={
            200: ("All of it stood there already", MaintenanceReceipt),
            201: ("Recorded", MaintenanceReceipt),
            400: (f"A body that is no record, with each reason ({ProblemCode.BAD_REQUEST})", RefusedRecord),
        },
        problems={
            404: _UNKNOWN,
            409: ("Another return to service or note stands there: send a correction", ProblemCode.CONTRADICTION),
        },
    ),
}
# A 503 of the gateway itself: the function was busy or ran out of time.
_OF_THE_GATEWAY: Final = {
    403: "Not signed, or not allowed by IAM",
    429: "Too many requests at once: try again, more slowly",
    500: "The function failed: try again",
    503: "The function did not answer in time: try again",
}


def render() -> str:
    """Return the document as it stands in git."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in OPERATIONS.items():
        method, path = route.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Machines: predictions and maintenance",
            "version": tomllib.loads(_PROJECT.read_text())["project"]["version"],
            "description": _DESCRIPTION.replace("\n", " "),
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com",
                "variables": {"api": {"default": "api-id"}, "region": {"default": "us-east-1"}},
            }
        ],
        "security": [{"sigv4": []}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "sigv4": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "AWS Signature Version 4, service execute-api",
                    "x-amazon-apigateway-authtype": "awsSigv4",
                }
            },
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    parameters = [*operation.parameters, *_query_parameters(operation.query)]
    statuses = sorted({*operation.answers, *operation.problems, *_OF_THE_GATEWAY})
    return {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": list(operation.tags),
        **({"parameters": parameters} if parameters else {}),
        **({"requestBody": _body(operation.body)} if operation.body else {}),
        "responses": {str(status): _response(operation, status) for status in statuses},
    }


def _body(model: type[BaseModel]) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _reference(model)}}}


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema(schema_generator=_WithoutTitles)
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": found.pop("description"),
            "schema": found,
        }
        for name, found in schema["properties"].items()
    ]


def _response(operation: Operation, status: int) -> dict[str, Any]:
    told: list[tuple[str, dict[str, Any]]] = []
    if status in operation.answers:
        description, model = operation.answers[status]
        told.append((description, _reference(model)))
    if status in operation.problems:
        description, code = operation.problems[status]
        told.append((f"{description} ({code})", _problem(code)))
    if status in _OF_THE_GATEWAY:
        told.append((_OF_THE_GATEWAY[status], _reference(GatewayMessage)))
    schemas = [schema for _, schema in told]
    return {
        "description": "; or: ".join(description for description, _ in told),
        "content": {"application/json": {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}},
    }


def _problem(code: ProblemCode) -> dict[str, Any]:
    return {"allOf": [_reference(Problem), {"properties": {"error": {"const": code.value}}}]}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _schemas() -> dict[str, Any]:
    """Every model that an operation names, and those that they hold."""
    answered = {model for operation in OPERATIONS.values() for _, model in operation.answers.values()}
    sent = {operation.body for operation in OPERATIONS.values() if operation.body}
    named: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "serialization") for model in {*answered, Problem, GatewayMessage}),
        *((model, "validation") for model in sent),
    ]
    named.sort(key=lambda pair: pair[0].__name__)
    _, definitions = models_json_schema(named, ref_template=_REFERENCE, schema_generator=_WithoutTitles)
    return dict(sorted(definitions["$defs"].items()))


def main() -> int:
    """Write the document."""
    DOCUMENT.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
