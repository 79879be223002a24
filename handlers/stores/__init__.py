"""The AWS adapters that functions and commands share: objects of the lake, tables, topics and registries."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
