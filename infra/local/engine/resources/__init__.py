"""What each resource type of the program becomes on the emulator. A type that is not here raises in ``deploy``."""

from collections.abc import Mapping

from infra.local.engine.resources import compute, messaging, observability, storage
from infra.local.engine.resources.kind import Created, Kind

KINDS: Mapping[str, Kind] = {**storage.KINDS, **compute.KINDS, **messaging.KINDS, **observability.KINDS}

__all__ = ["KINDS", "Created", "Kind"]
