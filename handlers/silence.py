"""Silence is an event: one notice when a sensor falls silent, and one when it is heard again.

A message is sent before its note is kept, so it is sent at least once.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta

from handlers.logs import logger
from handlers.stores import (
    Channels,
    DataLake,
    FeatureRow,
    Notifier,
    ObjectMovedError,
    checkpoint_object,
    last_seen_object,
)
from mlops_core.alerting import (
    MachineLastSeen,
    NewestWindows,
    last_seen_by_machine,
    silence_notice,
    transitions,
    update_last_seen,
)


class SilenceWatch:
    """What is known of every channel now, and what was when somebody last looked.

    Silence is measured up to the checkpoint of processing: that processing lags makes no sensor silent.
    """

    def __init__(
        self,
        lake: DataLake,
        rows: Iterable[FeatureRow],
        *,
        silent_after: timedelta,
        lengths: Sequence[timedelta],
        channels: Sequence[str],
        muted: Collection[str] = (),
        retired: Collection[str] = (),
    ) -> None:
        self._object = last_seen_object(lake)
        self._stored = self._object.readable()
        self._before: Channels = (self._stored and self._stored.value) or {}
        checkpoint = checkpoint_object(lake).readable()
        self._now = self._before
        if checkpoint is not None and checkpoint.value is not None:
            self._now = update_last_seen(
                self._before,
                (NewestWindows(row.machine_id, row.window_end, row.features) for row in rows),
                at=checkpoint.value.processed_until,
                silent_after=silent_after,
                lengths=sorted(lengths),
                channels=channels,
                muted=muted,
                retired=retired,
            )

    @property
    def machines(self) -> Mapping[str, MachineLastSeen]:
        """When each machine was last seen."""
        return last_seen_by_machine(self._now)

    @property
    def silent(self) -> int:
        """How many channels of the fleet are silent."""
        return sum(seen.is_silent for seen in self._now.values())

    def announce(self, notifier: Notifier) -> None:
        """Announce channels that have fallen silent or are heard again since the last run; keep the new state."""
        fallen, again = transitions(self._before, self._now)
        if fallen or again:
            logger.warning("Sensors fell silent or are heard again", extra={"silent": fallen, "heard_again": again})
            notifier.publish(silence_notice(fallen, again, self._now), about="silence")
        if self._now != self._before:
            try:
                self._object.save(self._now, after=self._stored)
            except ObjectMovedError as error:  # another run has looked meanwhile, and knows as much
                logger.warning("Overtaken by another run", extra={"key": error.key})
