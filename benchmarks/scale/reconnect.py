"""Every machine comes back after a day without the network: how large the backlog is, and when it is gone.

    python -m benchmarks.scale.reconnect

Arithmetic, from AWS's default quotas and what functions take here (docs/scale.md): machines connect as fast as the
account may, each sends what it has kept as fast as a connection may, SQS holds what ingestion has not taken yet, and
processing builds the hours anew in runs that follow each other.
"""

from dataclasses import dataclass
from typing import Final

CONNECTS_A_SECOND: Final = 500
PUBLISHES_A_SECOND: Final = 20_000
A_CONNECTION: Final = 100
"""Messages a second of one connection. All three: docs.aws.amazon.com/general/latest/gr/iot-core.html, defaults."""
_VCPU: Final = 0.145
"""Of ingestion's 256 MB; processing's 1,024 MB are .58."""
_PROCESSING_VCPU: Final = 0.58
_READING: Final = 40e-6
_WAITING: Final = 0.040
_PER_READING: Final = 4.8e-6
_HOUR: Final = 0.05
_GET: Final = 0.58e-3
_LIST_PAGE: Final = 0.063


@dataclass(frozen=True)
class Recovery:
    """Seconds and messages of one recovery."""

    messages: float
    sending: float
    """Until the last message is sent."""
    backlog: float
    """Messages in the queue at most."""
    ingested: float
    """Until the queue is empty."""
    processed: float
    """Until features are up to date, after the queue is empty."""

    @property
    def seconds(self) -> float:
        """From the first connection to fresh features."""
        return self.ingested + self.processed


def recovery(
    machines: int, *, batch: int, hours: int = 24, readings_a_minute: float = 2.0, concurrency: int = 10
) -> Recovery:
    """Return how a fleet recovers from `hours` without the network; `batch`: readings a message."""
    kept = hours * 60 * readings_a_minute
    messages = machines * kept / batch
    sending = max(machines / CONNECTS_A_SECOND + kept / batch / A_CONNECTION, messages / PUBLISHES_A_SECOND)
    run = _WAITING + 500 * batch * _READING / _VCPU
    taken_a_second = concurrency * 500 / run
    ingested = max(sending, messages / taken_a_second)
    backlog = max(0.0, messages - taken_a_second * sending)
    objects_an_hour = messages / 500  # a batch of messages of a day holds readings of each of its hours
    an_hour = (
        _HOUR
        + machines * 60 * readings_a_minute * _PER_READING
        + objects_an_hour * _GET
        + objects_an_hour / 1000 * _LIST_PAGE
    )
    return Recovery(messages, sending, backlog, ingested, hours * an_hour / _PROCESSING_VCPU)


def main() -> None:
    """Print the table of docs/scale.md."""
    print("| machines | readings a message | messages | sent within, s | queue | empty after, min | features, min |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for machines in (100, 1_000, 10_000, 100_000):
        for batch in (1, 20):
            found = recovery(machines, batch=batch)
            print(
                f"| {machines:,} | {batch} | {found.messages:,.0f} | {found.sending:,.0f} | {found.backlog:,.0f} |"
                f" {found.ingested / 60:,.1f} | {found.processed / 60:,.1f} |"
            )


if __name__ == "__main__":
    main()
