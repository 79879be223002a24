from .hysteresis import (
    AlarmState as AlarmState,
    MachineAlarm as MachineAlarm,
    Score as Score,
    next_score as next_score,
)
from .notices import (
    Notice as Notice,
    notice as notice,
    silence_notice as silence_notice,
)
from .silence import (
    ChannelOfMachine as ChannelOfMachine,
    Heard as Heard,
    NewestWindows as NewestWindows,
    latest_possible as latest_possible,
    listen as listen,
    turned as turned,
)
