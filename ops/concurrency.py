"""Many requests at once, stopped at the first that fails."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

THREADS = 16

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_parallel(call: Callable[[Item], Result], items: Iterable[Item], done: Callable[[Result], None]) -> None:
    """Call for every item and hand each result to ``done`` in this thread; results come in any order.

    The first error, or Ctrl-C, stops what has not begun and is raised once what has begun is over.
    """
    pool = ThreadPoolExecutor(THREADS)
    try:
        for finished in as_completed([pool.submit(call, item) for item in items]):
            done(finished.result())
    finally:
        pool.shutdown(cancel_futures=True)
