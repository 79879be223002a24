from .failure_modes import (
    FAILURE_MODES as FAILURE_MODES,
    FailureMode as FailureMode,
)
from .fleet import (
    SimulatedHistory as SimulatedHistory,
    simulate_fleet as simulate_fleet,
)
from .law import (
    DegradationLaw as DegradationLaw,
    MaintenancePolicy as MaintenancePolicy,
)
from .machine_state import (
    MachineState as MachineState,
    MachineStatus as MachineStatus,
)
from .operating_conditions import (
    OperatingConditions as OperatingConditions,
)
from .sensor_faults import (
    SENSOR_FAULTS as SENSOR_FAULTS,
    FaultyReadings as FaultyReadings,
    SensorFaults as SensorFaults,
    inject_sensor_faults as inject_sensor_faults,
)
from .step import (
    Advance as Advance,
    Failure as Failure,
    Sample as Sample,
    advance as advance,
    new_machine as new_machine,
)
from .truth import (
    RUNS as RUNS,
    TRUTH as TRUTH,
)
