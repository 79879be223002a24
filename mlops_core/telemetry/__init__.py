"""Telemetry: machines, channels, messages and their payloads, and the frames of readings and failures."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
