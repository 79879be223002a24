"""Anomalies of the fleet: each machine's newest features against its own normal, as alarms, without a known failure.

Where a model of failures has opened an episode already, an anomaly adds none: one message a trouble.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final, NamedTuple

from handlers.announcements import AlarmDesk
from handlers.stores.alarms import Alarms
from handlers.stores.online_features import FeatureRow
from mlops_core.alerting.anomaly_alarms import anomaly_alarm
from mlops_core.alerting.episodes import Alarm, AlarmSource
from mlops_core.condition import Anomaly, BaselineBundle, anomalies_of

UNJUDGED: Final = Anomaly(score=0.0, shares=(), strongest=("", 0.0, 0.0))
"""Ends the episode of a machine whose sensors are all new."""


class FleetAnomalies(NamedTuple):
    """Anomalies by machine, the number of machines with an open episode, and of changes announced."""

    anomalies: Mapping[str, Anomaly]
    unusual: int
    announced: int


class AnomalyWatch:
    """Judges newest feature rows by a baseline. `replaced`: by machine and channel, since when its sensor is there."""

    def __init__(
        self, bundle: BaselineBundle, alarms: Alarms, desk: AlarmDesk, replaced: Mapping[str, Mapping[str, datetime]]
    ) -> None:
        self._baseline, self._version = bundle.baseline.for_sensors(replaced), bundle.version
        self._replaced = replaced
        self._alarms = alarms
        self._desk = desk

    def apply(self, rows: Iterable[FeatureRow], *, covered: Collection[str]) -> FleetAnomalies:
        """Let the alarms follow from the rows; none is opened for machines `covered` by one of failures."""
        stored = {alarm.machine_id: alarm for alarm in self._alarms.load_all(AlarmSource.ANOMALY)}
        unusual = announced = 0
        anomalies: dict[str, Anomaly] = {}
        judged = list(rows)
        found = anomalies_of(self._baseline, ((row.machine_id, row.features) for row in judged))
        for row, anomaly in zip(judged, found, strict=True):
            known = stored.get(row.machine_id) or Alarm(machine_id=row.machine_id, source=AlarmSource.ANOMALY)
            if anomaly is not None:
                anomalies[row.machine_id] = anomaly
            elif known.is_open and row.machine_id in self._replaced:
                anomaly = UNJUDGED  # the sensor is gone that was unlike itself
            else:
                continue
            if row.machine_id in covered and not known.is_open:
                continue
            step = partial(
                anomaly_alarm,
                anomaly=anomaly,
                window_end=row.window_end,
                persistence=self._baseline.persistence,
                version=self._version,
            )
            after = self._desk.change(row.machine_id, AlarmSource.ANOMALY, step, known=known)
            announced += after.announced != known.announced
            unusual += after.is_open
        return FleetAnomalies(anomalies, unusual, announced)
