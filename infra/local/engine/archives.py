"""The bytes of Pulumi's assets and archives, as the provider would upload them."""

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pulumi

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal content gives equal bytes


def content_bytes(content: pulumi.Asset | pulumi.Archive) -> bytes:
    """Return an asset's bytes, or an archive as a zip. Relative paths are of the working directory, as in Pulumi.

    Raises TypeError for a kind of asset that nothing here can read.
    """
    match content:
        case pulumi.FileArchive() | pulumi.FileAsset():
            return Path(content.path).read_bytes()
        case pulumi.StringAsset():
            return content.text.encode()
        case pulumi.AssetArchive():
            return _zip(content)
        case _:
            raise TypeError(f"no bytes for a {type(content).__name__}")


def _zip(archive: pulumi.AssetArchive) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, asset in sorted(_members(archive), key=lambda member: member[0]):
            packed.writestr(zipfile.ZipInfo(name, _EPOCH), content_bytes(asset))
    return buffer.getvalue()


def _members(archive: pulumi.AssetArchive, prefix: str = "") -> Iterator[tuple[str, pulumi.Asset | pulumi.Archive]]:
    for name, asset in cast("Mapping[str, pulumi.Asset | pulumi.Archive]", archive.assets).items():
        if isinstance(asset, pulumi.AssetArchive):
            yield from _members(asset, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", asset
