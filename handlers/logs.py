"""The log of a function, one JSON document a line, in ASCII; and its metrics."""

import json
import os
from functools import partial

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

metrics = Metrics()
"""What the function counts; `metrics.log_metrics` publishes it when the handler ends."""


def ascii_logger() -> Logger:
    """Return a logger whose lines escape whatever is not ASCII: no control or bidirectional character reaches a log.

    Lambda's own filter lets INFO pass, since metrics count as that, and Powertools takes its level for the logger's. So
    the configured level is that of the handler, through which child loggers write too.
    """
    logger = Logger(json_serializer=partial(json.dumps, default=str, ensure_ascii=True))
    logger.registered_handler.setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
    return logger


def count(**counts: int) -> None:
    """Add to the metrics of these names; they are published when the handler ends."""
    for name, value in counts.items():
        metrics.add_metric(name, MetricUnit.Count, value)


logger = ascii_logger()
"""The log of the function; the loggers of stores are its children."""
