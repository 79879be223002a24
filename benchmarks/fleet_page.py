"""The fleet's page with 1,000 machines in a real browser: bytes over the wire and of the file, and when it is drawn.

.venv/bin/python -m benchmarks.fleet_page
"""

import random
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from handlers.stores.page_trends import rounded
from mlops_core.page import FleetPage, snapshot
from ops.ui.server import Recent
from tests.browser.conftest import BROWSERS, FLAGS, served

PLANT = Path(__file__).parents[1] / "tests" / "browser" / "plant_north.json"
MACHINES = 1000


def large_fleet() -> FleetPage:
    """Return the plant of the tests with 1,000 machines, each with a trend of its own: 2 % of noise on every value."""
    noise = random.Random(7)  # noqa: S311 - a picture's noise, no secret
    plant = FleetPage.model_validate_json(PLANT.read_bytes())
    machines = [
        machine.model_copy(
            update={
                "id": f"{machine.id}-{number:04d}",
                "channels": tuple(
                    channel.model_copy(
                        update={"values": rounded([v and v * noise.gauss(1, 0.02) for v in channel.values])}
                    )
                    for channel in machine.channels
                ),
            }
        )
        for number in range(MACHINES)
        for machine in [plant.machines[number % len(plant.machines)]]
    ]
    return plant.model_copy(update={"machines": tuple(machines)})


def main() -> int:
    """Print the figures; the best of three loads."""
    page = large_fleet()
    path = next(found for name in BROWSERS if (found := shutil.which(name)))
    with sync_playwright() as playwright, served(Recent(lambda: page, lambda: page.made_at), {}) as plant:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS, chromium_sandbox=False)
        loads = [_load(browser, plant.view("fleet")) for _ in range(3)]
        browser.close()
    paint, drawn = min(loads)
    document = page.model_dump_json().encode()
    served_bytes = len(Recent(lambda: page, lambda: page.made_at).get())
    sys.stdout.write(
        f"{MACHINES} machines: {served_bytes / 1e3:,.0f} kB of data over the wire"
        f" ({len(document) / 1e3:,.0f} kB before compression), first paint {paint:,.0f} ms,"
        f" table drawn {drawn:,.0f} ms after the navigation began; as a file {len(snapshot(page)) / 1e3:,.0f} kB\n"
    )
    return 0


def _load(browser: Browser, address: str) -> tuple[float, float]:
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.goto(address)
    page.wait_for_selector("table.fleet")
    drawn = float(page.evaluate("performance.now()"))
    paint = float(page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
    page.close()
    return paint, drawn


if __name__ == "__main__":
    sys.exit(main())
