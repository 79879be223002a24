"""Where the user's copies of the public sets are."""

import os
from pathlib import Path

import pytest

FOLDER = os.environ.get("MLOPS_REAL_DATA")


def real_data(name: str) -> Path:
    """The folder of one public set; skips the test where there is none."""
    if FOLDER is None or not (Path(FOLDER) / name).is_dir():
        pytest.skip(f"set MLOPS_REAL_DATA to a folder that holds {name}/ to test against the real set")
    return Path(FOLDER) / name
