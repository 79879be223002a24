"""Requests to a stack's HTTP API, signed with the stack's credentials as IAM wants them, or not signed."""

import json
import urllib.error
import urllib.request
from email.message import Message
from typing import Any, NamedTuple, cast

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from ops.stack import Stack


class Answer(NamedTuple):
    """What came back: `document` is the body, read as JSON."""

    status: int
    content_type: str
    document: Any


def request(stack: Stack, path: str, *, method: str = "GET", body: bytes | None = None, signed: bool = True) -> Answer:
    """Send a request to a path of the endpoint; an answer that speaks of a problem is an answer too."""
    headers = {} if body is None else {"content-type": "application/json"}
    url = f"{stack.outputs.inference_endpoint}{path}"
    prepared = AWSRequest(method, url, headers=headers, data=body or b"")
    if signed:
        held = cast("Credentials", stack.session.get_credentials())
        SigV4Auth(held, "execute-api", stack.session.region_name).add_auth(prepared)
    sent = urllib.request.Request(url, data=body, headers=dict(prepared.headers), method=method)  # noqa: S310 - the stack's own
    try:
        with urllib.request.urlopen(sent) as answer:  # noqa: S310 - the stack's own address
            return _answer(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as error:
        return _answer(error.code, error.headers, error.read())


def _answer(status: int, headers: Message, body: bytes) -> Answer:
    return Answer(status, headers.get_content_type(), json.loads(body or b"null"))
