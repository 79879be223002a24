"""Predictive maintenance for industrial machines, as a library: telemetry, simulation, windowed features, prognosis.

Readings are a polars frame in long form: machine_id, channel, event_timestamp (UTC, microseconds), value. A feature row
exists at `window_end` and knows only what came before it. Times are aware UTC, durations are `timedelta` or text such
as "6h". Nothing here reads the environment, a clock or global random state: a seed gives the same result everywhere.

A name is loaded when it is first used, so that what needs only messages does not wait for polars or LightGBM.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
