"""Limits on channels, judged reading by reading without a model: hysteresis in value, hold time in event time.

```
value   act    - - - - - - - - - - x x - - -        an episode opens, or rises, once readings have stayed at or beyond
        watch  - - x x x x x x x x . . . . x .       a limit for the hold time, by their own timestamps
        clear  . . . . . . . . . . . . . . . . x x   and ends once they have stayed on the near side of `clear` for it
```

`LimitState` changes only where a series crosses a level, so a caller stores it once a crossing and not once a
reading. A reading that is not newer than the last change of state is late data: it is passed over, and a message that
is delivered twice, or out of order, or by two functions at once, changes nothing.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, Self

from pydantic import AwareDatetime, BaseModel, Field, model_validator
from pydantic.alias_generators import to_camel

from mlops_core.condition.severity import ZoneBoundaries

DEFAULT_HOLD: Final = timedelta(minutes=1)
"""Two readings a minute apart, so that one outlier raises nothing and an alarm comes within two minutes."""


class ChannelLimits(BaseModel, frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True):
    """The limits of one channel, in its unit; a value at a limit is beyond it.

    Attributes:
        watch, act: where the stages begin; None where a stage has no limit.
        is_upper: whether values above the limits are bad; below them otherwise.
        hysteresis: how far back on the near side values must come, as a share of the limit.
        hold: how long, in event time, they must stay; seconds, where it is read from a configuration.
        watch_name, act_name: name of a value beyond each limit, for messages.
        source: where the numbers come from.

    """

    watch: float | None = Field(default=None, allow_inf_nan=False)
    act: float | None = Field(default=None, allow_inf_nan=False)
    is_upper: bool = True
    hysteresis: float = Field(default=0.1, ge=0, lt=1)
    hold: timedelta = DEFAULT_HOLD
    watch_name: str = "beyond its warning limit"
    act_name: str = "beyond its alarm limit"
    source: str = "as configured"

    @model_validator(mode="after")
    def _act_lies_beyond_watch(self) -> Self:
        if self.watch is None and self.act is None:
            raise ValueError("give watch, act or both")
        if self.watch is not None and self.act is not None and not self.is_beyond(self.act, self.watch):
            raise ValueError("act must lie beyond watch")
        if self.hold < timedelta(0):
            raise ValueError("hold must not be negative")
        return self

    def is_beyond(self, value: float, limit: float) -> bool:
        """Whether a value is at a limit or on its far side."""
        return value >= limit if self.is_upper else value <= limit

    @property
    def first(self) -> float:
        """The limit that is reached first."""
        return next(limit for limit in (self.watch, self.act) if limit is not None)

    def is_clear(self, value: float, limit: float) -> bool:
        """Whether a value is back on the near side of a limit, by the hysteresis."""
        back = abs(limit) * self.hysteresis
        return value < limit - back if self.is_upper else value > limit + back


class LimitState(BaseModel, frozen=True):
    """What is remembered of one machine and channel.

    Attributes:
        stage: name of the stage that holds, WATCH or ACT; None while there is no episode.
        opened: since when readings were beyond the limit of the episode's first stage.
        watch_since, act_since: since when readings have been beyond each limit; None where they are not.
        clear_since: since when readings have been clear while an episode is open.
        changed: event time of the reading that changed this state last; older ones are late.
        value: what that reading was.

    """

    stage: str | None = None
    opened: AwareDatetime | None = None
    watch_since: AwareDatetime | None = None
    act_since: AwareDatetime | None = None
    clear_since: AwareDatetime | None = None
    changed: AwareDatetime | None = None
    value: float | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether no limit is exceeded and no episode is open."""
        return self.stage is None and self.watch_since is None and self.act_since is None


def judge(state: LimitState, readings: Iterable[tuple[datetime, float]], limits: ChannelLimits) -> LimitState:
    """Return the state after readings (event time, value) of one machine and channel; itself where nothing changed.

    Stops at the first reading that opens, raises or ends an episode, so that none is passed over: call again with the
    same readings until the state stays.
    """
    for at, value in sorted(readings):
        if state.changed is not None and at <= state.changed:
            continue
        after = _next(state, at, value, limits)
        if after != state:
            after = after.model_copy(update={"changed": at, "value": value})
            if after.stage != state.stage:
                return after
            state = after
    return state


def _next(state: LimitState, at: datetime, value: float, limits: ChannelLimits) -> LimitState:
    if limits.is_clear(value, limits.first):
        if state.stage is None:
            return state if state.is_quiet else LimitState()
        clear_since = state.clear_since or at
        if at - clear_since >= limits.hold:
            return LimitState()
        return LimitState(stage=state.stage, opened=state.opened, clear_since=clear_since)
    stage, opened = state.stage, state.opened
    since: dict[str, datetime | None] = {"WATCH": None, "ACT": None}
    for name, limit, before in (("WATCH", limits.watch, state.watch_since), ("ACT", limits.act, state.act_since)):
        if limit is None or _RANKS[name] <= _RANKS[state.stage]:
            continue  # a stage that holds already is left by the clear level alone
        if limits.is_beyond(value, limit):
            since[name] = before or at
        elif not limits.is_clear(value, limit):
            since[name] = before
        if (began := since[name]) and limits.is_beyond(value, limit) and at - began >= limits.hold:
            stage, opened = name, opened or began
    return LimitState(
        stage=stage,
        opened=opened,
        watch_since=since["WATCH"] if stage is None else None,
        act_since=None if stage == "ACT" else since["ACT"],
        changed=state.changed,
        value=state.value,
    )


_RANKS: Final = {None: 0, "WATCH": 1, "ACT": 2}


def zone_limits(boundaries: ZoneBoundaries) -> ChannelLimits:
    """Return the limits of ISO 20816's zones for velocity r.m.s. in mm/s: zone C is WATCH, zone D is ACT."""
    return ChannelLimits(
        watch=boundaries.c_begins,
        act=boundaries.d_begins,
        watch_name="in zone C",
        act_name="in zone D",
        source=boundaries.source,
    )
