"""Rows of features as processing offers them: of a worn machine, of a new one, and of machines of each status."""

from datetime import UTC, datetime, timedelta

from handlers.stores import FeatureRow
from tests.handlers import stores

WORN = {"vibration_count_1h": 60.0, "vibration_rms_1h": 10.0, "vibration_slope_6h": 1.0, "temperature_mean_6h": 50.0}
NEW = WORN | {"vibration_rms_1h": 2.0, "vibration_slope_6h": 0.0}


def offer(machine_id, features, *, at=None, revision=1):
    end = at or datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    row = FeatureRow(machine_id, end, revision, features)
    assert stores.online().offer(row, updated_at=end)


def offer_each_status() -> None:
    """Machines that are OK, STALE, without readings, and of features of an earlier schema."""
    offer("FRESH", WORN)
    offer("OLD", NEW, at=datetime.now(UTC) - timedelta(hours=13))
    offer("SILENT", {"vibration_count_1h": 0.0})
    offer("EARLIER-SCHEMA", {"vibration_rms_1h": 3.0})
