"""The document that the page shows (`fleet-page/1`): one per stack, times as ISO 8601 in UTC, durations in hours."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

State = Literal["RUNNING", "FAILED", "SILENT", "IN MAINTENANCE", "OFF", "NEW"]
Stage = Literal["ACT", "WATCH"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Life(_Part):
    """Quantiles of the hours left."""

    p10: float
    p50: float
    p90: float


class Reason(_Part):
    """Why a machine is where it is: one sentence, and since when it holds."""

    text: str
    since: datetime | None = None


class Event(_Part):
    """What happened to a machine; ``stage`` of an alarm only."""

    at: datetime
    kind: Literal["alarm", "failure", "repair"]
    text: str
    stage: Stage | None = None


class Limit(_Part):
    """A line in a channel's chart; the stage that passing it means, None for one that is only shown."""

    at: float
    name: str
    stage: Stage | None = None


class Channel(_Part):
    """A machine's channel over the trend's span; a missing value is null, never bridged."""

    key: str
    name: str
    unit: str
    from_zero: bool
    limits: tuple[Limit, ...] = ()
    normal: tuple[float, float] | None = None
    values: tuple[float | None, ...]


class Machine(_Part):
    """One machine. ``life`` and ``failure_probability`` are null unless it runs and a model speaks for it."""

    id: str
    machine_class: str = ""
    place: str = ""
    state: State
    since: datetime | None = None
    stage: Stage | None = None
    note: str = ""
    life: Life | None = None
    failure_probability: float | None = None
    anomaly: float | None = None
    zone: Literal["A", "B", "C", "D"] | None = None
    trust: str | None = None
    last: datetime | None = None
    reasons: tuple[Reason, ...] = ()
    look: str | None = None
    events: tuple[Event, ...] = ()
    channels: tuple[Channel, ...] = ()


class AlarmStep(_Part):
    """One change in an alarm's life; ``by`` a person, null where the platform did it."""

    at: datetime
    what: str
    by: str | None = None


class Alarm(_Part):
    """An alarm episode from its opening to its verdict."""

    id: str
    machine: str
    stage: Stage
    state: Literal["OPEN", "ACKNOWLEDGED", "IN_WORK", "SHELVED", "CLOSED"]
    why: str
    steps: tuple[AlarmStep, ...]
    answer_within_min: int | None = None
    planned: str | None = None
    shelved_until: datetime | None = None
    shelved_why: str | None = None
    verdict: str | None = None
    verdict_text: str = ""


class Sensor(_Part):
    """A sensor that is not good."""

    machine: str
    channel: str
    grade: Literal["FAIR", "POOR", "NONE"]
    why: str
    since: datetime | None = None


class QuarantineReason(_Part):
    """How many messages were refused for one reason."""

    code: str
    text: str
    count: int


class Quality(_Part):
    """What is wrong with the data of the last hours."""

    sensors: tuple[Sensor, ...]
    sensors_total: int
    quarantine: tuple[QuarantineReason, ...]


class Champion(_Part):
    """The model that serves."""

    version: str
    since: datetime
    learned: str


class Promise(_Part):
    """A figure of the champion, measured on held-out runs."""

    name: str
    value: str
    interval: str | None = None
    note: str = ""


class Version(_Part):
    """A model version and how it fared."""

    version: str
    role: str
    at: datetime
    reason: str


class Models(_Part):
    """The registry of models."""

    champion: Champion | None
    promises: tuple[Promise, ...] = ()
    versions: tuple[Version, ...] = ()


class ModelState(_Part):
    """Whether a model speaks for machines; if not, ``text`` says what is missing."""

    ready: bool
    horizon_h: int
    text: str = ""


class Trend(_Part):
    """The time axis of every channel's values."""

    start: datetime
    step_h: int


class PlannedStop(_Part):
    """The next stop that is planned for the whole site."""

    at: datetime
    text: str


class Column(_Part):
    """A channel that the fleet's table shows."""

    key: str
    short: str
    unit: str


class FleetPage(_Part):
    """Everything that the page shows. ``actions`` names what may be done from it: none in a snapshot."""

    schema_name: Literal["fleet-page/1"] = "fleet-page/1"
    site: str
    time_zone: str
    utc_offset_min: int
    made_at: datetime
    data_until: datetime
    stale_after_min: int
    principal: str
    actions: tuple[str, ...] = ()
    planned_stop: PlannedStop | None = None
    trend: Trend
    columns: tuple[Column, ...]
    model: ModelState
    machines: tuple[Machine, ...]
    alarms: tuple[Alarm, ...]
    quality: Quality
    models: Models
