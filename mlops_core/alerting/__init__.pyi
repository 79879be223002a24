from .answers import (
    LONGEST_SHELF as LONGEST_SHELF,
    Answer as Answer,
    AnswerAction as AnswerAction,
    AnswerRefusedError as AnswerRefusedError,
    NoSuchEpisodeError as NoSuchEpisodeError,
    answered_alarm as answered_alarm,
    overdue_alarm as overdue_alarm,
)
from .events import (
    EpisodeChanged as EpisodeChanged,
    EpisodeState as EpisodeState,
    episode_changed as episode_changed,
)
from .model_alarms import (
    AlarmState as AlarmState,
    MachineAlarm as MachineAlarm,
    Score as Score,
    next_score as next_score,
)
from .notices import (
    Notice as Notice,
    damage_notice as damage_notice,
    silence_notice as silence_notice,
    trial_notice as trial_notice,
)
from .platform_notices import (
    API_ERRORS as API_ERRORS,
    CHAMPION_REFUSED as CHAMPION_REFUSED,
    DAMAGED_DATA as DAMAGED_DATA,
    DEAD_LETTERS as DEAD_LETTERS,
    FUNCTION_FAILED as FUNCTION_FAILED,
    MESSAGES_LOST as MESSAGES_LOST,
    NO_REASON as NO_REASON,
    OLD_MESSAGES as OLD_MESSAGES,
    PROCESSING_STALLED as PROCESSING_STALLED,
    READINGS_REFUSED as READINGS_REFUSED,
    SILENT_CHANNELS as SILENT_CHANNELS,
    THROTTLED as THROTTLED,
    TRAINING_FAILED_SUBJECT as TRAINING_FAILED_SUBJECT,
    TRAINING_FAILED_TEXT as TRAINING_FAILED_TEXT,
    TRAINING_RUN_FAILED as TRAINING_RUN_FAILED,
    with_runbook as with_runbook,
)
from .silence import (
    ChannelOfMachine as ChannelOfMachine,
    LastSeen as LastSeen,
    MachineLastSeen as MachineLastSeen,
    NewestWindows as NewestWindows,
    last_seen_by_machine as last_seen_by_machine,
    latest_possible as latest_possible,
    transitions as transitions,
    update_last_seen as update_last_seen,
)
