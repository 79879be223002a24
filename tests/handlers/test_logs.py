"""What machines say is kept in the lake and in quarantine, which have their own permissions, and not in the logs."""

import json
from io import StringIO

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from handlers.logs import ascii_logger

MARK = "XKCD-4711-CONFIDENTIAL"
TIME = '"timestamp_utc":"2026-11-21T10:14:00Z"'
SPOKEN = [
    f'{{"machine_id":"M","note":"{MARK}",{TIME},"temperature_celsius":20}}',
    f'{{"machine_id":"M","note":"{MARK}",{TIME},"event_code":"{MARK}","measured_value":1,"threshold":1}}',
    f'{{"machine_id":"{MARK}",{TIME}}}',
    f'{{"machine_id":"M","timestamp_utc":"{MARK}"}}',
    f'{{"note":"{MARK}',
    MARK,
]


def messages():
    topics = [f"industrial/machine/M/{what}" for what in ("temperature", "event/failure", MARK)]
    return [(topic, text.encode()) for topic in topics for text in SPOKEN] + [(None, MARK.encode())]


@pytest.mark.parametrize("function", ["ingestion", "labels"])
@pytest.mark.parametrize("is_s3_down", [False, True])
def test_nothing_that_a_machine_said_is_logged(aws, deploy, deliver, faults, capsys, function, is_s3_down):
    invoke = deploy(function, POWERTOOLS_LOG_LEVEL="DEBUG")
    event = deliver(*messages())
    assert json.dumps(event).count(MARK) > 3, "the topics and the body alone hold it plainly"
    if is_s3_down:
        faults.fail_where(lambda operation, _: operation == "PutObject")
        with pytest.raises(BatchProcessingError):
            invoke(event)
    else:
        assert invoke(event) == {"batchItemFailures": []}
    output = capsys.readouterr()
    assert ("Messages not kept" if is_s3_down else "MessagesQuarantined") in output.out
    assert MARK not in output.out + output.err


def test_a_line_of_a_log_is_ascii_whatever_it_names():
    logger, lines = ascii_logger(), StringIO()
    logger.registered_handler.stream = lines
    logger.warning("Not stored", extra={"machine": "A\u202e\u009b31m\x1b[0m"})
    line = lines.getvalue()
    assert line.isascii()
    assert line.rstrip("\n").isprintable()
    assert json.loads(line)["machine"] == "A\u202e\u009b31m\x1b[0m"


def test_the_configured_level_holds_where_lambda_s_filter_must_let_metrics_pass(monkeypatch):
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "quiet")
    logger, lines = ascii_logger(), StringIO()
    logger.registered_handler.stream = lines
    logger.warning("left out")
    Logger(child=True).warning("left out too")
    logger.error("written")
    assert [json.loads(line)["message"] for line in lines.getvalue().splitlines()] == ["written"]
