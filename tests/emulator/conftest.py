"""One emulator for all tests of this folder; under xdist they stay together on one worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.deploy import Deployment, deploy
from infra.local.emulator import Emulator, Endpoint

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.emulator)
            item.add_marker(pytest.mark.xdist_group("emulator"))


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    with Emulator(tmp_path_factory.mktemp("emulator")) as emulator:
        yield emulator.endpoint


@pytest.fixture(scope="session")
def sample(endpoint: Endpoint) -> Deployment:
    """The sample program, which has one resource of every type."""
    return deploy(endpoint, stack="dev", root=HERE / "sample_program", overrides={"sample:greeting": "good day"})
