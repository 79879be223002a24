"""The condition of a machine by its sensors alone: zones of vibration severity, limits, machine classes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
