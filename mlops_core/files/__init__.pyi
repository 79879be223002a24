from .instants import (
    read_instants as read_instants,
)
from .layout import (
    FileLayout as FileLayout,
    LayoutOptions as LayoutOptions,
)
from .logs import (
    EventsFile as EventsFile,
    FailuresFile as FailuresFile,
    read_events as read_events,
    read_failures as read_failures,
)
from .lookout import (
    LookoutDataset as LookoutDataset,
    read_lookout as read_lookout,
)
from .readings import (
    ReadingsFile as ReadingsFile,
    read_readings as read_readings,
)
from .report import (
    REJECTS as REJECTS,
    FileReport as FileReport,
)
