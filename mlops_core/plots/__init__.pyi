from .evaluation import (
    plot_evaluation as plot_evaluation,
)
from .fleet import (
    plot_fleet as plot_fleet,
)
from .machine import (
    plot_machine as plot_machine,
)
