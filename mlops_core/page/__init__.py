"""The fleet's page: its document, what it says of machines and alarms, and the page as one file."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
