"""Layers: a name that says what is in them, the same bytes wherever they are built, nothing that is of no use."""

import ctypes
import hashlib
import marshal
import sys
import zipfile
from pathlib import Path

import pydantic_core
import pytest

from infra import packaging
from infra.elf import stripped
from infra.packaging import InterpreterNotFoundError, Layer, Target, build

HOST = Target.of("host", "host")


@pytest.fixture
def small_layer(monkeypatch, tmp_path):
    """A layer of the three small packages of the base layer, one with a script, built in a folder of its own."""
    lock = tmp_path / "small.txt"
    wanted, kept = ("typing-extensions", "annotated-types", "jmespath"), []
    for line in (packaging.ROOT / "locks" / "layer-base.txt").read_text().splitlines():
        if not line.startswith(" "):
            is_wanted = line.startswith(wanted)
        if is_wanted:
            kept.append(line)
    lock.write_text("\n".join(kept))

    def in_folder(name: str) -> Layer:
        monkeypatch.setattr(packaging, "LAYER_FOLDER", tmp_path / name / "layers")
        monkeypatch.setattr(packaging, "LAYERS", {"small": str(lock)})
        return Layer.of("small", HOST)

    return in_folder


def test_a_layer_has_the_same_bytes_wherever_it_is_built(small_layer):
    digests = {hashlib.sha256(build(small_layer(name)).read_bytes()).hexdigest() for name in ("one", "an other")}
    assert len(digests) == 1


def test_a_layer_holds_packages_where_lambda_looks_compiled_and_pruned(small_layer):
    with zipfile.ZipFile(build(small_layer("one"))) as packed:
        names = packed.namelist()
        code = packed.read("python/typing_extensions.pyc")
    assert names == sorted(names)
    assert not [name for name in names if name.endswith(".py") or "__pycache__" in name]
    assert not [name for name in names if name.endswith((".pyi", ".lock")) or "/tests/" in name or "/bin/" in name]
    assert not [name for name in names if name.endswith("RECORD")], "it hashes scripts that name this machine's Python"
    assert int.from_bytes(code[4:8], "little") == 0b01, "hash-based, and never checked against the source"
    assert marshal.loads(code[16:]).co_filename == "/opt/python/typing_extensions.py"  # noqa: S302


def test_a_layer_that_is_there_is_not_built_again(small_layer, monkeypatch):
    layer = small_layer("one")
    path = build(layer)
    monkeypatch.setattr(packaging, "_install", lambda *_: pytest.fail("built again"))
    assert build(layer) == path


def test_a_build_that_fails_leaves_nothing_behind(small_layer, monkeypatch):
    layer = small_layer("one")

    def fail(*_):
        raise InterpreterNotFoundError("3.13")

    monkeypatch.setattr(packaging, "_compile", fail)
    with pytest.raises(InterpreterNotFoundError, match=r"uv python install 3\.13"):
        build(layer)
    assert list(layer.path.parent.iterdir()) == []


def test_the_key_tells_lock_python_and_processor_apart(monkeypatch, tmp_path):
    target = Target.of("3.13", "arm64")
    keys = [
        Layer.of("base", each).key for each in (target, Target.of("3.12", "arm64"), Target.of("3.13", "x86_64"), HOST)
    ]
    other = tmp_path / "lock.txt"
    other.write_text("renewed")
    monkeypatch.setitem(packaging.LAYERS, "base", str(other))
    keys.append(Layer.of("base", target).key)
    assert len(set(keys)) == len(keys)


def test_targets_are_spelt_as_lambda_and_uv_spell_them():
    assert Target.of("3.13", "arm64") == ("3.13", "arm64", "aarch64-manylinux_2_28")
    assert Target.of("3.14", "x86_64") == ("3.14", "x86_64", "x86_64-manylinux_2_28")
    assert Target.of("3.13", "arm64").runtime == "python3.13"
    assert HOST.python == f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert HOST.architecture in {"arm64", "x86_64"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has ELF libraries")
def test_a_stripped_library_is_smaller_and_still_loads(tmp_path):
    library = next(Path(pydantic_core.__file__).parent.glob("*.so"))
    smaller = stripped(library.read_bytes())
    assert len(smaller) < library.stat().st_size
    (tmp_path / library.name).write_bytes(smaller)
    assert ctypes.CDLL(str(tmp_path / library.name)).PyInit__pydantic_core
    assert stripped(smaller) == smaller


@pytest.mark.parametrize("other", [b"", b"\x7fELF", b"\x7fELF\x01\x01 of 32 bits", b"MZ of another system", b"text"])
def test_what_is_no_64_bit_elf_file_stays_as_it_is(other):
    assert stripped(other) == other
