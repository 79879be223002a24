"""Charts of a fleet, a machine and a model, as altair charts that a notebook shows.

Needs altair, which the extra `plots` brings; loaded when a chart is first asked for.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
