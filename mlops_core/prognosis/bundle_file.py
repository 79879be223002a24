"""A model on disk: one file that holds all files of its bundle, written as a whole and verified when it is read."""

import io
import zipfile
import zlib
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from mlops_core.errors import CorruptBundleError, IncompleteBundleError
from mlops_core.prognosis.bundle import ModelBundle, load_bundle

if TYPE_CHECKING:
    from collections.abc import Mapping

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip holds: equal models give equal bytes


def save(bundle: ModelBundle, path: str | Path) -> Path:
    """Write a model to one file, whatever its name; a file that is there is replaced in one step."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}-", delete=False) as written:
        written.write(_zipped(bundle.files()))
    return Path(written.name).replace(target)


def load(path: str | Path) -> ModelBundle:
    """Return the model in a file that `ModelBundle.save` wrote, or in a folder that holds the files of a bundle.

    Args:
        path: the file, or the folder, such as a copy of `models/{version}/` of a stack's lake.

    Returns:
        The model, verified by the hash of each file.

    Raises:
        FileNotFoundError: there is neither.
        BundleError: what is there is no model, is damaged or incomplete, or has another layout.

    Example:
        >>> file = model.save("pumps.model")
        >>> mc.load("pumps.model").version == model.version
        True

    """
    source = Path(path)
    if source.is_dir():
        return load_bundle({file.name: file.read_bytes() for file in sorted(source.iterdir()) if file.is_file()})
    try:
        with zipfile.ZipFile(source) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, zlib.error) as error:
        raise CorruptBundleError(source.name, f"is no model that was saved ({error})") from error
    if not files:
        raise IncompleteBundleError(["bundle.json"])
    return load_bundle(files)


def _zipped(files: "Mapping[str, bytes]") -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), body, zipfile.ZIP_DEFLATED)
    return content.getvalue()
