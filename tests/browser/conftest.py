"""A real browser, the system's own, on a page that is served as `mlops ui` serves it."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, sync_playwright

from mlops_core.page import FleetPage
from ops.ui.server import Action, Recent, application
from tests.ops.conftest import deployed as deployed

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
TOKEN = "secret"


@dataclass
class Plant:
    """A served page, and what was done from it."""

    address: str
    done: list[Mapping[str, object]] = field(default_factory=list)

    def view(self, name: str) -> str:
        return f"{self.address}?token={TOKEN}#/{name}"


@pytest.fixture(scope="module")  # while it is open, an event loop runs: other tests of the process need theirs
def browser() -> Iterator[Browser]:
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium or Chrome on PATH (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=FLAGS, chromium_sandbox=False)
        yield started
        started.close()


@contextmanager
def served(recent: Recent, actions: Mapping[str, Action]) -> Iterator[Plant]:
    """Serve a page on a free port, as `mlops ui` does."""
    config = uvicorn.Config(lambda: None, host="127.0.0.1", port=0, log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    host = f"127.0.0.1:{socket.getsockname()[1]}"
    config.app = application(recent, actions, host=host, token=TOKEN)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    try:
        yield Plant(f"http://{host}/")
    finally:
        server.should_exit = True
        thread.join()
        socket.close()


@pytest.fixture
def plant() -> Iterator[Plant]:
    page = FleetPage.model_validate_json((Path(__file__).parent / "plant_north.json").read_bytes())
    done: list[Mapping[str, object]] = []

    def act(fields: Mapping[str, object]) -> str:
        done.append(fields)
        return f"Done: {fields['machine_id']}."

    with served(Recent(lambda: page, lambda: page.made_at), dict.fromkeys(page.actions, act)) as plant:
        plant.done = done
        yield plant
