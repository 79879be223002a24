"""Evaluations that many tests look at, made once."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.packaging import Layer
from tests.infra.evaluation import Evaluation, evaluate_stack


@pytest.fixture(scope="session")
def layer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the evaluations find layers: stand-ins, so that no test of the program builds one."""
    return tmp_path_factory.mktemp("layers")


@pytest.fixture(scope="session", autouse=True)
def _stand_in_layers(layer_folder: Path) -> Iterator[None]:
    patch = pytest.MonkeyPatch()

    def stand_in(layer: Layer) -> Path:
        path = layer_folder / layer.path.name
        path.write_bytes(b"stand-in")
        return path

    patch.setattr("infra.layer.build", stand_in)
    # A test in another process may build a layer between two previews that are compared.
    patch.setattr("infra.layer.is_built", lambda _: False)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def evaluated() -> Callable[..., Evaluation]:
    """The evaluation of a stack as it is configured, in either mode."""
    return lambda stack="dev", preview=False: evaluate_stack(stack, preview=preview)
