"""How a function stops in time: with its work saved, before Lambda stops it without."""

from aws_lambda_powertools.utilities.typing import LambdaContext


class Deadline:
    """Whether another piece of work fits into an invocation: twice the time that the slowest took must be left."""

    def __init__(self, context: LambdaContext) -> None:
        self._context = context
        self._left = context.get_remaining_time_in_millis()
        self._slowest = 0

    def allows_another(self) -> bool:
        """Tell whether to begin another piece; to be asked once before each."""
        left = self._context.get_remaining_time_in_millis()
        self._slowest = max(self._slowest, self._left - left)
        self._left = left
        return left > 2 * self._slowest
