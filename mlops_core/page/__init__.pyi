from .document import (
    Alarm as Alarm,
    AlarmStep as AlarmStep,
    Champion as Champion,
    Channel as Channel,
    Column as Column,
    Event as Event,
    FleetPage as FleetPage,
    Limit as Limit,
    Machine as Machine,
    Models as Models,
    ModelState as ModelState,
    Promise as Promise,
    Quality as Quality,
    QuarantineReason as QuarantineReason,
    Sensor as Sensor,
    Trend as Trend,
    Version as Version,
)
from .file import (
    content_security_policy as content_security_policy,
    live_page as live_page,
    snapshot as snapshot,
)
from .machines import (
    episode_alarm as episode_alarm,
    episode_events as episode_events,
    machine_entry as machine_entry,
    urgency as urgency,
)
