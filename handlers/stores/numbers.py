"""How numbers are written in DynamoDB attributes."""

_SMALLEST = 1e-130  # DynamoDB refuses a number nearer to zero than this


def number(value: float) -> str:
    """Write a number, at most LARGEST_EVENT_VALUE, as DynamoDB takes it; what is too near to zero for it is zero."""
    return "0" if abs(value) < _SMALLEST else repr(value)
