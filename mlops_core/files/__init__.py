"""Files of one's own: readings and failures out of CSV and Parquet, by the rules of ingestion."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
