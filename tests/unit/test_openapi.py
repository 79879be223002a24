"""The description of the HTTP API: made from the code as it is, valid, complete, and behind IAM throughout."""

import re

import pytest
from jsonschema import ValidationError
from openapi_spec_validator import OpenAPIV31SpecValidator

from docs import generate_openapi
from infra import inference, operator_routes
from tests import http_contract


def test_the_document_in_git_is_what_the_code_says_now():
    assert generate_openapi.DOCUMENT.read_text() == generate_openapi.render(), "run: python -m docs.generate_openapi"


def test_the_document_is_valid_openapi():
    assert http_contract.DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(http_contract.DOCUMENT).validate()


def test_it_describes_the_routes_that_are_deployed_and_no_other():
    assert sorted(http_contract.ROUTES) == sorted(
        [
            *inference.ROUTES.values(),
            *operator_routes.MAINTENANCE_ROUTES.values(),
            *operator_routes.ALARM_ROUTES.values(),
        ]
    )


def test_every_operation_is_signed_and_says_so_and_what_it_answers_where_it_is_not():
    assert http_contract.DOCUMENT["security"] == [{"sigv4": []}]
    scheme = http_contract.DOCUMENT["components"]["securitySchemes"]["sigv4"]
    assert scheme["x-amazon-apigateway-authtype"] == "awsSigv4"
    for route in http_contract.ROUTES:
        operation = http_contract.operation(route)
        assert "security" not in operation
        assert {"403", "429", "500", "503"} <= operation["responses"].keys()


@pytest.mark.parametrize("route", http_contract.ROUTES)
def test_every_part_of_a_path_and_every_parameter_is_described(route):
    described = http_contract.operation(route).get("parameters", [])
    in_path = {parameter["name"] for parameter in described if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"{(\w+)}", route))
    assert all(parameter["description"] for parameter in described)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"error": "NO_MODEL", "message": "the code of another status"}),
        (404, {"error": "UNKNOWN_MACHINE", "message": "a field too many", "detail": ""}),
        (404, {"error": "UNKNOWN_MACHINE"}),
        (200, {"machine_id": "PUMP-1"}),
    ],
)
def test_an_answer_that_is_not_as_described_is_noticed(status, body):
    with pytest.raises(ValidationError):
        http_contract.check("GET /machines/{machine_id}", status, "application/json", body)


@pytest.mark.parametrize(("status", "kind"), [(418, "application/json"), (404, "text/plain")])
def test_a_status_or_kind_of_answer_that_is_not_described_is_noticed(status, kind):
    with pytest.raises(AssertionError, match=str(status)):
        http_contract.check("GET /machines/{machine_id}", status, kind, {"error": "UNKNOWN_MACHINE", "message": ""})
