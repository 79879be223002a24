"""How good a measurement is, as gateways say it: a word, or a status code of OPC UA."""

import re
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from mlops_core.errors import MessageRejectedError, QuarantineReason
from mlops_core.telemetry.payload import excerpt

# GOOD, Bad, or a symbol of OPC UA such as UncertainLastUsableValue.
_WORD: Final = re.compile(r"(good|uncertain|bad)[A-Za-z_]*", re.IGNORECASE | re.ASCII)
_SEVERITY_SHIFT: Final = 30


class Quality(StrEnum):
    """GOOD and UNCERTAIN values count as measured; BAD says that nothing was measured."""

    GOOD = "GOOD"
    UNCERTAIN = "UNCERTAIN"
    BAD = "BAD"


# The two highest bits of an OPC UA status code (Part 4, 7.39); 11 is reserved, and taken for the worst.
_BY_SEVERITY: Final = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)


def parse_quality(stated: JsonValue) -> Quality:
    """Return what a payload says of a quality.

    Raises:
        MessageRejectedError: with BAD_TYPE where it is neither a word of OPC UA nor a status code of 32 bits.

    """
    if isinstance(stated, str) and (match := _WORD.fullmatch(stated)) is not None:
        return Quality(match[1].upper())
    if type(stated) is int and 0 <= stated < 1 << 32:
        return _BY_SEVERITY[stated >> _SEVERITY_SHIFT]
    raise MessageRejectedError(
        QuarantineReason.BAD_TYPE,
        f"quality {excerpt(str(stated))} is not GOOD, UNCERTAIN, BAD or an OPC UA status code",
    )
