"""The public names of mlops_core: each one loads, and is loaded only when it is used."""

import subprocess
import sys

import pytest

import mlops_core


@pytest.mark.parametrize("name", mlops_core.__all__)
def test_every_public_name_loads_and_is_documented(name: str) -> None:
    value = getattr(mlops_core, name)
    assert not callable(value) or value.__doc__


def test_public_names_and_the_modules_they_load_from_agree() -> None:
    assert sorted(mlops_core.__all__) == sorted(mlops_core._MODULE_OF)
    assert set(mlops_core.__all__) <= set(dir(mlops_core))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'compute_feature'"):
        _ = mlops_core.compute_feature


def test_messages_are_parsed_without_loading_polars() -> None:
    probe = "import sys, mlops_core; mlops_core.parse_message; print('polars' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
