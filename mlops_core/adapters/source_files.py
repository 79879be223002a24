"""Finding the files of a public set in a folder."""

from pathlib import Path

from mlops_core.errors import MlopsError


class SourceFileError(MlopsError, FileNotFoundError):
    """A file of a public set that is not where it was looked for."""

    def __init__(self, folder: Path, names: tuple[str, ...], where_from: str) -> None:
        looked_for = " or ".join(names)
        super().__init__(f"{folder} holds no {looked_for}", f"Get it from {where_from} and name the folder it is in")


class SourceFormatError(MlopsError, ValueError):
    """A file of a public set that does not have the set's format."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}", "Use the file as it was published, gzipped or not")


def find_file(folder: Path | str, *names: str, where_from: str) -> Path:
    """Return the first of the named files, or of the same names with `.gz`, that exists. Raises SourceFileError."""
    for name in names:
        for candidate in (Path(folder) / name, Path(folder) / f"{name}.gz"):
            if candidate.is_file():
                return candidate
    raise SourceFileError(Path(folder), names, where_from)
