"""Requests made up from docs/openapi.json: as the document asks for them, and as anybody might send them."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema

from tests import http_contract

JSON = "application/json"
ANY_TEXT = st.text(st.characters())  # lone surrogates too
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Request:
    """A request of one route; `path` and `query` hold what API Gateway has decoded."""

    route: str
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = JSON

    def event(self, template: dict[str, Any]) -> dict[str, Any]:
        """The event that API Gateway makes of it: what is absent is absent, and bytes that are no text are base64."""
        event = template | {"routeKey": self.route}
        if self.path:
            event["pathParameters"] = self.path
        if self.query:
            event["queryStringParameters"] = self.query
        if self.body is None:
            return event
        event["headers"] = event["headers"] | {"content-type": self.content_type}
        try:
            return event | {"body": self.body.decode()}
        except UnicodeDecodeError:
            return event | {"body": b64encode(self.body).decode(), "isBase64Encoded": True}

    def target(self) -> str:
        """Path and query as they stand in a URL."""
        quoted = {name: quote(value, safe="") for name, value in self.path.items()}
        query = f"?{urlencode(self.query)}" if self.query else ""
        return self.route.split(" ")[1].format(**quoted) + query


def documented(route: str, *, machine_ids: list[str]) -> st.SearchStrategy[Request]:
    """Requests that the document allows, for machines that there are and for others."""
    described = http_contract.operation(route)
    parameters = {where: {} for where in ("path", "query")}
    for parameter in described.get("parameters", []):
        values = from_schema(parameter["schema"]).map(str)
        if parameter["name"] == "machine_id":
            values = st.sampled_from(machine_ids) | values
        parameters[parameter["in"]][parameter["name"]] = values
    return st.builds(
        Request,
        st.just(route),
        st.fixed_dictionaries(parameters["path"]),
        st.fixed_dictionaries({}, optional=parameters["query"]),
        _documented_body(described),
    )


def arbitrary(route: str, *, machine_ids: list[str]) -> st.SearchStrategy[Request]:
    """Requests that somebody might send to a route: any id, any query, any body of any kind."""
    described = http_contract.operation(route)
    names = [parameter["name"] for parameter in described.get("parameters", [])]
    path = {name: st.sampled_from(machine_ids) | ANY_TEXT for name in names if f"{{{name}}}" in route}
    whole = st.builds(
        Request,
        st.just(route),
        st.fixed_dictionaries(path),
        st.dictionaries(st.sampled_from([*names, "limit"]) | ANY_TEXT, ANY_TEXT, max_size=3),
        st.none() | st.binary() | ANY_JSON.map(_encoded) | _spoilt_body(described),
        st.sampled_from([JSON, "text/plain", "application/x-www-form-urlencoded", "", "\x00"]),
    )
    return whole | documented(route, machine_ids=machine_ids)


def _body_schema(described: dict[str, Any]) -> dict[str, Any] | None:
    if "requestBody" not in described:
        return None
    schema = described["requestBody"]["content"][JSON]["schema"]
    return {**http_contract.DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]}


def _documented_body(described: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    schema = _body_schema(described)
    return st.none() if schema is None else from_schema(schema).map(_encoded)


def _spoilt_body(described: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    """A body as it should be, but for one field that holds anything at all, or for its end, which is cut off."""
    schema = _body_schema(described)
    if schema is None:
        return st.none()
    sound, name = from_schema(schema), st.sampled_from(sorted(schema["properties"])) | ANY_TEXT
    spoilt = st.builds(lambda body, name, value: _encoded(body | {name: value}), sound, name, ANY_JSON)
    return spoilt | st.builds(lambda body, end: _encoded(body)[:end], sound, st.integers(0, 40))


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
