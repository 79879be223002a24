"""`python -m benchmarks.soak --messages 100000`: prints the table, writes build/soak.json, exits 1 if any is lost."""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime

from benchmarks.soak.soak import soak
from infra.local.engine.emulator import Emulator, signals_raise
from infra.local.engine.environments import BUILD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=1, help="readings a message")
    parser.add_argument("--rate", type=float, default=1000, help="messages a second, at most")
    parser.add_argument("--faults", type=float, default=0.02, help="part of the functions' calls to AWS that fail")
    parser.add_argument("--seed", type=int, default=1, help="draws the messages")
    arguments = parser.parse_args()

    def tell(line: str) -> None:
        print(f"{datetime.now(UTC):%H:%M:%S}  {line}", flush=True)

    with signals_raise(), Emulator(BUILD / "soak") as emulator:
        books = soak(
            emulator,
            messages=arguments.messages,
            batch=arguments.batch,
            rate=arguments.rate,
            faults=arguments.faults,
            seed=arguments.seed,
            tell=tell,
        )
    print(books.table())
    (BUILD / "soak.json").write_text(json.dumps(dataclasses.asdict(books), indent=1) + "\n")
    sys.exit(1 if books.lost or books.doubled else 0)


if __name__ == "__main__":
    main()
