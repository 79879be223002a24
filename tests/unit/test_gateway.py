from datetime import UTC, datetime

from infra.local.run.gateway import TIMES, gateway_batch
from mlops_core.telemetry import Reading, parse_messages

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_the_gateways_batch_gives_the_readings_and_the_refusal_that_it_names() -> None:
    batch = gateway_batch("industrial/machine", "PUMP-A01", {"temperature": 61.5, "vibration": 2.5}, NOON)
    parsed = parse_messages(*batch.message, NOON)
    readings = [one[:4] for one in parsed.accepted if isinstance(one, Reading)]
    assert readings == batch.readings.rows()
    assert batch.readings.height == 2 * TIMES
    assert batch.readings["value"].null_count() == 1
    (refused,) = parsed.refused
    assert (batch.refused.payload, batch.refused.reason) == (refused.payload, refused.reason)
