"""How a function stops in time: with its work saved, before Lambda stops it without."""

from aws_lambda_powertools.utilities.typing import LambdaContext


class Deadline:
    """Whether another piece of work fits into an invocation: twice the time that the slowest took must be left.

    The time from construction to the first question counts as a piece. So work that has waited for a thread while the
    time ran out is not begun, where `Pace` would begin its first piece.
    """

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


# The share of the time left that a piece takes, from which on its result is saved before anything else is begun.
_SLOW = 0.1


class Pace:
    """How many units of work the next piece may hold, from the time that is left and what units took so far.

    The first piece is one unit, begun whatever the time: what comes before it (listings, say) must never be a reason
    to do nothing. Later pieces hold as many units as fit in half of the time that is left.
    """

    def __init__(self, context: LambdaContext) -> None:
        self._context = context
        self._began_at = 0
        self._slowest = 0.0
        self.pieces = 0
        self.was_slow = False

    def room(self, most: int) -> int:
        """Units that the next piece may hold, at most `most`; 0 where none fits. To be asked before each piece."""
        self._began_at = self._context.get_remaining_time_in_millis()
        if self.pieces == 0:
            return 1
        if self._slowest <= 0:
            return most
        return min(most, int(self._began_at / (2 * self._slowest)))

    def ended(self, units: int) -> None:
        """Take note that a piece of so many units is done."""
        took = self._began_at - self._context.get_remaining_time_in_millis()
        self._slowest = max(self._slowest, took / max(1, units))
        self.was_slow = took > _SLOW * self._began_at
        self.pieces += 1
