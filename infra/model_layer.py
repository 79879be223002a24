"""What a function that predicts needs, made small: under 70 MB instead of 260.

LightGBM imports scipy only to ask whether a matrix is sparse, so a stand-in with those classes will do. Its library
needs the OpenMP runtime, which neither its wheel nor Lambda has: the one in scikit-learn's wheel is taken, and nothing
else of it.
"""

import shutil
from pathlib import Path
from typing import Final

LIBRARY_FOLDER: Final = "lib"  # Lambda puts /opt/lib on the loader's path
_OPENMP: Final = "libgomp.so.1"
# By pattern. Of numpy what compiles against it, of narwhals the frames that nobody gives to LightGBM here, and of
# Powertools what stands beside logs and metrics.
_NOT_NEEDED: Final = (
    *("cloudpickle*", "joblib*", "scikit_learn*", "scipy*", "sklearn", "threadpoolctl*"),
    *("numpy/f2py", "numpy/distutils", "numpy/_core/include", "numpy/_core/lib", "numpy/random/lib", "numpy/**/*.pxd"),
    *(f"narwhals/{name}" for name in ("_dask", "_duckdb", "_ibis", "_interchange", "_spark_like", "_sql", "stable")),
    "aws_lambda_powertools/event_handler",
    "aws_lambda_powertools/utilities/[!_jt]*",
)
_STAND_IN: Final = '''"""A stand-in for scipy, whose sparse matrices LightGBM only asks about: there are none here."""


class spmatrix: ...


class csr_matrix(spmatrix): ...


class csc_matrix(spmatrix): ...
'''


class OpenMPAbsentError(Exception):
    """The wheel that should bring the OpenMP runtime does not."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"No libgomp in {folder}: scikit-learn's wheel for this platform has another one now")


def make_small(packages: Path) -> None:
    """Put the OpenMP runtime beside `packages`, in `lib`, and leave there what LightGBM uses.

    Raises OpenMPAbsentError.
    """
    found = sorted((packages / "scikit_learn.libs").glob("libgomp*"))
    if not found:
        raise OpenMPAbsentError(packages / "scikit_learn.libs")
    library = packages.parent / LIBRARY_FOLDER / _OPENMP
    library.parent.mkdir()
    shutil.copyfile(found[0], library)
    for path in [path for pattern in _NOT_NEEDED for path in packages.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    for module in ("scipy", "scipy/sparse"):
        (packages / module).mkdir()
        (packages / module / "__init__.py").write_text(_STAND_IN)
