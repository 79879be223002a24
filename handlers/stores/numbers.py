"""How numbers are written in DynamoDB attributes."""

LARGEST = 9.9e125  # DynamoDB refuses a number further from zero than this
_SMALLEST = 1e-130  # and one nearer to zero than this


def number(value: float) -> str:
    """Write a number of at most LARGEST as DynamoDB takes it; what is too near to zero for the service is zero."""
    return "0" if abs(value) < _SMALLEST else repr(value)
