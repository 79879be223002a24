"""Requests made up from docs/openapi.json: as the document asks for them, and as anybody might send them."""

import json
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests import http_contract

JSON = "application/json"
ANY_TEXT = st.text(st.characters())  # lone surrogates too
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=6,
)
MOMENTS = st.datetimes(
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
).map(datetime.isoformat)


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
        event = event_of(self.route, path=self.path, query=self.query, template=template)
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


TEMPLATE: dict[str, Any] = json.loads((Path(__file__).parent / "handlers/events/http_api_request.json").read_text())


def event_of(
    route: str,
    *,
    path: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    template: dict[str, Any] = TEMPLATE,
) -> dict[str, Any]:
    """The event that API Gateway makes of a request: path and query decoded, what is absent there is absent here."""
    method, pattern = route.split(" ")
    raw_path = pattern.format(**(path or {}))
    http = template["requestContext"]["http"] | {"method": method, "path": raw_path}
    event = template | {
        "routeKey": route,
        "rawPath": raw_path,
        "requestContext": template["requestContext"] | {"http": http, "routeKey": route},
    }
    return event | ({"pathParameters": path} if path else {}) | ({"queryStringParameters": query} if query else {})


def documented(route: str, *, machine_ids: list[str]) -> st.SearchStrategy[Request]:
    """Requests that the document allows, for machines that there are and for others."""
    described = http_contract.operation(route)
    parameters = {where: {} for where in ("path", "query")}
    for parameter in described.get("parameters", []):
        values = allowed_by(parameter["schema"]).map(str)
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
    return described["requestBody"]["content"][JSON]["schema"] if "requestBody" in described else None


def _documented_body(described: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    schema = _body_schema(described)
    return st.none() if schema is None else allowed_by(schema).map(_encoded)


def _spoilt_body(described: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    """A body as it should be, but for one field that holds anything at all, or for its end, which is cut off."""
    schema = _body_schema(described)
    if schema is None:
        return st.none()
    sound, names = allowed_by(schema), sorted(http_contract.resolved(schema)["properties"])
    anything = ANY_JSON | MOMENTS
    spoilt = st.builds(lambda b, n, v: _encoded(b | {n: v}), sound, st.sampled_from(names) | ANY_TEXT, anything)
    return spoilt | st.builds(lambda body, end: _encoded(body)[:end], sound, st.integers(0, 40))


def allowed_by(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, of those that docs/openapi.json has for requests; fails for any other."""
    match http_contract.resolved(schema):
        case {"anyOf": schemas}:
            return st.one_of([allowed_by(each) for each in schemas])
        case {"enum": values}:
            return st.sampled_from(values)
        case {"type": "object", "properties": properties, **rest}:
            fields = {name: allowed_by(each) for name, each in properties.items()}
            required = {name: fields.pop(name) for name in rest.get("required", ())}
            return st.fixed_dictionaries(required, optional=fields)
        case {"type": "string", "format": "date-time"}:
            return MOMENTS
        case {"type": "string", "pattern": pattern}:
            return st.from_regex(pattern)
        case {"type": "string", **limits}:
            return st.text(min_size=limits.get("minLength", 0), max_size=limits.get("maxLength"))
        case {"type": "integer", **limits}:
            return st.integers(limits.get("minimum"), limits.get("maximum"))
        case {"type": "boolean"}:
            return st.booleans()
        case {"type": "null"}:
            return st.none()
        case other:
            raise NotImplementedError(other)


def _encoded(value: object) -> bytes:
    return json.dumps(value).encode()
