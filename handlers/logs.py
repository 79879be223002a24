"""The logger of a function: one JSON document a line, in ASCII."""

import json
from functools import partial

from aws_lambda_powertools import Logger


def ascii_logger() -> Logger:
    """Return a logger whose lines escape whatever is not ASCII: no control or bidirectional character reaches a log."""
    return Logger(json_serializer=partial(json.dumps, default=str, ensure_ascii=True))
