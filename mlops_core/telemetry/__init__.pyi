from .channel import (
    CHANNELS as CHANNELS,
    MAXIMUM_CHANNELS as MAXIMUM_CHANNELS,
    VELOCITY_RMS as VELOCITY_RMS,
    Channel as Channel,
    Channels as Channels,
    channel_registry as channel_registry,
)
from .corrections import (
    CORRECTED_AT as CORRECTED_AT,
    normalise_corrected as normalise_corrected,
    split_corrected as split_corrected,
    union_readings as union_readings,
)
from .extras import (
    Extras as Extras,
)
from .frames import (
    EVENTS as EVENTS,
    FAILURES as FAILURES,
    MAINTENANCE as MAINTENANCE,
    READINGS as READINGS,
    TIMESTAMP as TIMESTAMP,
    VERDICTS as VERDICTS,
    normalise_events as normalise_events,
    normalise_failures as normalise_failures,
    normalise_readings as normalise_readings,
    renewals as renewals,
    require_schema as require_schema,
)
from .grades import (
    GRADES as GRADES,
    grade_sensors as grade_sensors,
)
from .machine import (
    MACHINE_ID_PATTERN as MACHINE_ID_PATTERN,
    MachineId as MachineId,
    check_machine_id as check_machine_id,
    is_machine_id as is_machine_id,
)
from .maintenance_report import (
    MaintenanceKind as MaintenanceKind,
    MaintenanceRecord as MaintenanceRecord,
    MaintenanceReport as MaintenanceReport,
    Moment as Moment,
    Name as Name,
    Note as Note,
)
from .message import (
    EVENT_KIND_PATTERN as EVENT_KIND_PATTERN,
    FAILURE_KIND as FAILURE_KIND,
    LARGEST_EVENT_VALUE as LARGEST_EVENT_VALUE,
    MAXIMUM_PAYLOAD_BYTES as MAXIMUM_PAYLOAD_BYTES,
    Event as Event,
    FailureEvent as FailureEvent,
    Message as Message,
    Reading as Reading,
    failure_message as failure_message,
    is_event_code as is_event_code,
    reading_message as reading_message,
)
from .message_rules import (
    READINGS_LEVEL as READINGS_LEVEL,
    ParsedMessage as ParsedMessage,
    RefusedElement as RefusedElement,
)
from .parsing import (
    parse_message as parse_message,
    parse_messages as parse_messages,
)
from .payload_schema import (
    payload_schema as payload_schema,
)
from .plausible import (
    ImplausibleValuesWarning as ImplausibleValuesWarning,
    without_implausible as without_implausible,
)
from .quality import (
    Quality as Quality,
)
from .running import (
    RunningClass as RunningClass,
    RunningRule as RunningRule,
    RunningTrack as RunningTrack,
    rules_of as rules_of,
)
from .scans import (
    by_machines as by_machines,
    machine_batches as machine_batches,
)
