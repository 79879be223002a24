"""The condition of a machine by its sensors alone: severity zones, limits, machine classes, what is normal for it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
