"""Simulated machines: the law of degradation, failure modes, whole histories, single steps, sensor faults."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
