"""The page in a real browser: readable for everybody, at each size and scheme, without a request to anywhere else."""

import os
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from mlops_core.page import FleetPage, snapshot
from tests.browser.conftest import Plant

pytestmark = pytest.mark.verify

VIEWS = ["fleet", "machine/PUMP-A04", "alarms", "quality", "models"]
MADE_AT = "2026-11-30T05:05:00Z"  # of the plant's document
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", Path(__file__).parents[2] / "build" / "screenshots"))
"""Where pictures of every view go; with SCREENSHOTS=docs/images they are those of the documents."""


def opened(browser: Browser, *, width: int = 1400, scheme: Literal["light", "dark"] | None = None) -> Page:
    """Return an empty page whose clock stands at the time of the plant's document: a later one makes its data stale."""
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.clock.set_fixed_time(MADE_AT)
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_every_view_is_accessible_and_asks_nobody_else(
    browser: Browser, plant: Plant, width: int, scheme: Literal["light", "dark"]
) -> None:
    page = opened(browser, width=width, scheme=scheme)
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for view in VIEWS:
        page.goto("about:blank")
        page.goto(plant.view(view))
        page.wait_for_selector("h1")
        name = f"{view.partition('/')[0]}-{width}-{scheme}.jpeg"
        page.screenshot(path=SCREENSHOTS / name, type="jpeg", quality=55)
        violations = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"]) for each in violations] == [], view
        assert page.evaluate("document.documentElement.scrollWidth") <= width, view
    page.close()
    assert errors == []
    assert {url for url in requests if not url.startswith((plant.address, "data:", "about:"))} == set()


def test_the_fleet_stands_worst_first_and_says_what_to_do(browser: Browser, plant: Plant) -> None:
    page = opened(browser)
    page.goto(plant.view("fleet"))
    expect(page.locator("h1")).to_have_text("Stop 2, repair 1, plan 4; 2 are silent. 9 run as usual.")
    assert page.locator(".fleet .id").all_inner_texts()[:3] == ["PUMP-A04", "COMPRESSOR-C02", "FAN-B05"]
    page.get_by_label("Show only one state").get_by_role("link", name="SILENT").click()
    assert set(page.locator(".fleet .id").all_inner_texts()) == {"FAN-B08", "PUMP-A07"}
    page.close()


def test_a_file_shows_what_the_page_showed_and_asks_nobody(browser: Browser, plant: Plant, tmp_path: Path) -> None:
    document = FleetPage.model_validate_json((Path(__file__).parent / "plant_north.json").read_bytes())
    file = tmp_path / "fleet.html"
    file.write_text(snapshot(document), encoding="utf-8")
    live, kept = opened(browser), browser.new_page()
    requests: list[str] = []
    kept.on("request", lambda request: requests.append(request.url))
    for view in ("fleet", "machine/PUMP-A04"):
        live.goto("about:blank")
        live.goto(plant.view(view))
        kept.goto(f"{file.as_uri()}#/{view}")
        for page in (live, kept):
            page.wait_for_selector("h1")
        assert kept.locator("h1").inner_text() == live.locator("h1").inner_text()
        assert kept.locator(".sp, figcaption").all_inner_texts() == live.locator(".sp, figcaption").all_inner_texts()
    assert kept.get_by_role("button", name="Acknowledge").count() == 0
    assert all(url.startswith(("file:", "data:")) for url in requests)
    live.close()
    kept.close()


def test_the_token_leaves_the_address(browser: Browser, plant: Plant) -> None:
    page = opened(browser)
    page.goto(plant.view("alarms"))
    page.wait_for_selector("h1")
    assert page.url == f"{plant.address}#/alarms"
    page.close()


def test_a_repair_is_recorded_with_the_keyboard_alone(browser: Browser, plant: Plant) -> None:
    page = opened(browser)
    page.goto(plant.view("machine/FAN-B05"))
    page.get_by_role("button", name="Record repair").focus()
    page.keyboard.press("Enter")
    page.get_by_label("What was repaired").fill("Bearing <b>replaced</b>")
    page.get_by_label("Yes, it failed").check()
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("dialog").get_by_role("button", name="Record", exact=True).press("Enter")
    expect(page.get_by_role("status")).to_have_text("Done: FAN-B05.")
    (fields,) = plant.done
    assert {
        "machine_id": "FAN-B05",
        "kind": "failure",
        "note": "Bearing <b>replaced</b>",
        "stated_name": "Ann",
    }.items() <= fields.items()
    page.close()


def test_escape_leaves_a_dialog_and_nothing_is_done(browser: Browser, plant: Plant) -> None:
    page = opened(browser)
    page.goto(plant.view("machine/PUMP-A04"))
    page.get_by_role("button", name="Acknowledge").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert plant.done == []
    page.close()
