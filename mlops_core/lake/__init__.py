"""The data lake, to the byte: keys, readings, events, quarantined messages, histories and the checkpoint."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
