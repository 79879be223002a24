"""The account of a soak's messages agrees with what the parser makes of them."""

from collections import Counter
from datetime import UTC, datetime

import polars as pl
import pytest

from benchmarks.soak.traffic import Traffic
from mlops_core.telemetry import READINGS, FailureEvent, Reading, parse_messages

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


@pytest.mark.parametrize("batch", [1, 15])
def test_the_account_of_a_traffic_is_what_its_messages_hold(batch: int) -> None:
    traffic = Traffic(3, "p", NOW)
    messages = list(traffic.messages(600) if batch == 1 else traffic.batches(600, batch))
    parsed = [(topic, parse_messages(topic, body, NOW, topic_prefix="p")) for topic, body in messages]
    readings = [one for _, each in parsed for one in each.accepted if isinstance(one, Reading)]
    failures = [one for _, each in parsed for one in each.accepted if isinstance(one, FailureEvent)]
    refused = Counter((topic, one.payload, one.reason) for topic, each in parsed for one in each.refused)
    lived = traffic.lived()
    rows = pl.DataFrame([one[:4] for one in readings], schema=READINGS, orient="row").unique()
    assert rows.sort(READINGS.names()).equals(lived.readings.select(READINGS.names()).sort(READINGS.names()))
    assert Counter((topic, payload, reason) for topic, payload, reason in traffic.refused) == refused
    assert len(readings) + len(failures) + refused.total() == traffic.elements
    assert traffic.elements - traffic.repeated == rows.height + len(failures) + refused.total()
    assert (traffic.elements == 600) == (batch == 1)
