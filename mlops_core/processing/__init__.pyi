from .plan import (
    Chunk as Chunk,
    Listing as Listing,
    ProcessingRules as ProcessingRules,
    WindowRange as WindowRange,
    closed_hour as closed_hour,
    first_checkpoint as first_checkpoint,
    first_listed_hour as first_listed_hour,
    next_chunk as next_chunk,
    partition_keys as partition_keys,
)
