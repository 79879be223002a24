"""Writes docs/openapi.json, the description of the HTTP API: `python -m docs.generate_openapi`.

Paths and schemas are those of the resolvers of the functions behind it; what is described here they share.
"""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from handlers import alarm_answers, inference, maintenance

DOCUMENT: Final = Path(__file__).parent / "openapi.json"
_PROJECT: Final = Path(__file__).parent.parent / "pyproject.toml"

_DESCRIPTION: Final = """\
What the model says of the machines of one stack, their alarms, and what technicians say of them. The stack's output
`inference_endpoint` is the server. Every request is signed (AWS Signature Version 4, service `execute-api`) by an
identity that IAM allows `execute-api:Invoke` on the stack's `inference_invoke_arn`, for maintenance on its
`maintenance_invoke_arn`, for alarms on its `alarms_invoke_arn`."""
# Powertools describes its own answer to an invalid request, which handlers.http replaces by a 400.
_REPLACED: Final = ("HTTPValidationError", "ResponseValidationError", "ValidationError")


def render() -> str:
    """Return the document as committed."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    version = tomllib.loads(_PROJECT.read_text())["project"]["version"]
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {}
    for app in (inference.app, maintenance.app, alarm_answers.app):
        text = app.get_openapi_json_schema(title="Machines", version=version)
        described = json.loads(text, parse_float=_number)
        paths |= described["paths"]
        schemas |= described["components"]["schemas"]
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        operation["responses"] = {status: operation["responses"][status] for status in sorted(operation["responses"])}
        del operation["responses"]["422"]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Machines: predictions, alarms and maintenance",
            "version": version,
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
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schemas[name] for name in sorted(schemas) if name not in _REPLACED},
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


def _number(text: str) -> float:
    """Return a number in its shortest form: pydantic's limits of integers come as 1000.0."""
    return int(float(text)) if float(text).is_integer() else float(text)


def main() -> int:
    """Write the document."""
    DOCUMENT.write_text(render())
    return 0


if __name__ == "__main__":
    sys.exit(main())
