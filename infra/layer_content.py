"""What of its packages a layer holds: nothing that no function uses, and what LightGBM lacks on Lambda.

LightGBM imports scipy only to ask whether a matrix is sparse, so a stand-in with those classes will do. Its library
needs the OpenMP runtime, which neither its wheel nor Lambda has: the one in scikit-learn's wheel is taken, and nothing
else of it.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

LIBRARY_FOLDER: Final = "lib"  # Lambda puts /opt/lib on the loader's path
_OPENMP: Final = "libgomp.so.1"
# By layer, as patterns: of Powertools the page that shows an API in a browser, of numpy what compiles against it and
# what its tests load, of narwhals the frames that are not given to LightGBM here.
_NOT_NEEDED: Final[Mapping[str, tuple[str, ...]]] = {
    "base": ("aws_lambda_powertools/event_handler/openapi/swagger_ui/*.min.*",),
    "numpy": (
        *("numpy/f2py", "numpy/distutils", "numpy/_core/include", "numpy/_core/lib", "numpy/_core/_simd.*"),
        *("numpy/random/lib", "numpy/**/*.pxd"),
    ),
    "model": (
        *("scikit_learn*", "sklearn"),
        *(
            f"narwhals/{name}"
            for name in ("_dask", "_duckdb", "_ibis", "_interchange", "_spark_like", "_sql", "stable")
        ),
    ),
}
_STAND_IN: Final = '''"""A stand-in for scipy, whose sparse matrices LightGBM only asks about: there are none here."""


class spmatrix: ...


class csr_matrix(spmatrix): ...


class csc_matrix(spmatrix): ...
'''


class OpenMPAbsentError(Exception):
    """The wheel that should bring the OpenMP runtime does not."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"No libgomp in {folder}: scikit-learn's wheel for this platform has another one now")


def reduce_packages(layer: str, packages: Path) -> None:
    """Remove from `packages` what the layer's functions do not use; complete those of the layer `model`.

    Raises OpenMPAbsentError.
    """
    if layer == "model":
        _add_openmp(packages)
        _stand_in_for_scipy(packages)
    for path in [path for pattern in _NOT_NEEDED.get(layer, ()) for path in packages.glob(pattern)]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def _add_openmp(packages: Path) -> None:
    found = sorted((packages / "scikit_learn.libs").glob("libgomp*"))
    if not found:
        raise OpenMPAbsentError(packages / "scikit_learn.libs")
    library = packages.parent / LIBRARY_FOLDER / _OPENMP
    library.parent.mkdir()
    shutil.copyfile(found[0], library)


def _stand_in_for_scipy(packages: Path) -> None:
    for module in ("scipy", "scipy/sparse"):
        (packages / module).mkdir()
        (packages / module / "__init__.py").write_text(_STAND_IN)
