from .evaluation import (
    plot_evaluation as plot_evaluation,
)
from .machine import (
    plot_fleet as plot_fleet,
    plot_machine as plot_machine,
)
