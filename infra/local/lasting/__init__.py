"""A stack of this computer that lasts: ``mlops local up``, ``down``, ``reset``."""
