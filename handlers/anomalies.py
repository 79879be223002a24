"""Anomalies of the fleet: each machine's newest features against its own normal, as alarms, without a known failure.

Where a model of failures has opened an episode already, an anomaly adds none: one message a trouble.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from handlers.announcements import AlarmDesk
from handlers.stores import FeatureRow
from mlops_core.alerting.anomaly_alarms import anomaly_alarm
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import Anomaly, BaselineBundle, anomalies_of

UNJUDGED: Final = Anomaly(score=0.0, shares=(), strongest=("", 0.0, 0.0))
"""Ends the episode of a machine whose sensors are all new."""


class FleetAnomalies(NamedTuple):
    """Anomalies by machine, numbers of machines with an open episode and of announced changes, and the baseline."""

    anomalies: Mapping[str, Anomaly]
    unusual: int
    announced: int
    baseline_version: str


def watch_anomalies(
    bundle: BaselineBundle,
    desk: AlarmDesk,
    rows: Sequence[FeatureRow],
    *,
    covered: Collection[str],
    replaced: Mapping[str, Mapping[str, datetime]],
) -> FleetAnomalies:
    """Judge newest feature rows by a baseline, and let the alarms follow.

    Args:
        bundle: the baseline.
        desk: changes alarms, and announces them.
        rows: of the machines that may alarm.
        covered: machines with an open episode of failures, for which none is opened.
        replaced: by machine and channel, since when its sensor is there.

    """
    baseline = bundle.baseline.for_sensors(replaced)
    stored = {alarm.machine_id: alarm for alarm in desk.alarms.load_all(AlarmSource.ANOMALY)}
    unusual = announced = 0
    anomalies: dict[str, Anomaly] = {}
    found = anomalies_of(baseline, ((row.machine_id, row.features) for row in rows))
    for row, anomaly in zip(rows, found, strict=True):
        known = stored.get(row.machine_id) or Alarm(machine_id=row.machine_id, source=AlarmSource.ANOMALY)
        if anomaly is not None:
            anomalies[row.machine_id] = anomaly
        elif known.is_open and row.machine_id in replaced:
            anomaly = UNJUDGED  # the sensor with the anomaly has been replaced
        else:
            continue
        if row.machine_id in covered and not known.is_open:
            continue
        step = partial(
            anomaly_alarm,
            anomaly=anomaly,
            window_end=row.window_end,
            persistence=baseline.persistence,
            version=bundle.version,
        )
        after = desk.change(row.machine_id, AlarmSource.ANOMALY, step, known=known)
        announced += after.announced != known.announced
        unusual += after.is_open
    return FleetAnomalies(anomalies, unusual, announced, bundle.version)
