"""Moto and botocore without work that they repeat for each request and each test; what they answer stays the same."""

from functools import cache, lru_cache
from typing import Any

from botocore import session, useragent, utils
from moto import backend_index, mock_aws
from moto.core import models
from moto.core.base_backend import BaseBackend
from moto.s3 import urls
from moto.s3.models import S3Backend

__all__ = ["mock_aws"]

_format_routes = BaseBackend.urls.fget
_routes: dict[type[BaseBackend], dict[str, Any]] = {}


def _routes_once(backend: BaseBackend) -> dict[str, Any]:
    """The routes of a service, which moto formats for each request."""
    kind = type(backend)
    if kind not in _routes:
        _routes[kind] = _format_routes(backend)
    return _routes[kind]


BaseBackend.urls = property(_routes_once)
# Imported again for each request, as the environment may name other endpoints: here it does not.
S3Backend._url_module = property(lambda _: urls)
# Services are tried one after the other, about 200 of them. No address of these matches another's pattern.
backend_index.backend_url_patterns.sort(key=lambda entry: entry[0] not in {"s3", "dynamodb", "sns", "sqs"})
# A thousand callbacks at the start of each test, for a client (requests) that nothing here uses.
models.RESPONSES_METHODS.clear()
# A list of objects holds the same few times of modification: half of what it takes was parsing each twice.
utils._parse_timestamp_with_tzinfo = lru_cache(1024)(utils._parse_timestamp_with_tzinfo)
useragent.sanitize_user_agent_string_component = cache(useragent.sanitize_user_agent_string_component)
# Each session reads the models of its services again, and looks for them in all folders.
session.create_loader = cache(session.create_loader)
