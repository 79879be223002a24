from .backfill import (
    Piece as Piece,
    backfill_checkpoint as backfill_checkpoint,
    backfill_pieces as backfill_pieces,
    unbuilt_hours as unbuilt_hours,
)
from .memory import (
    machines_together as machines_together,
    readings_in_object as readings_in_object,
    readings_that_fit as readings_that_fit,
)
from .plan import (
    Computation as Computation,
    FutureMomentError as FutureMomentError,
    Listing as Listing,
    ProcessingRules as ProcessingRules,
    Rebuilt as Rebuilt,
    WindowRange as WindowRange,
    adapted as adapted,
    after_building as after_building,
    changed_hours as changed_hours,
    closed_hour as closed_hour,
    first_checkpoint as first_checkpoint,
    first_listed_hour as first_listed_hour,
    listed_sources as listed_sources,
    next_computation as next_computation,
    range_checkpoint as range_checkpoint,
    refuse_the_future as refuse_the_future,
    window_ranges as window_ranges,
)
