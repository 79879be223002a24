"""The source files that a function's archive holds: the handler's module and what it imports of ours, nothing else.

The list is read from the import statements, so it is the same for the same commit, and a file that no function imports
changes no function. A package that is imported brings its folder `assets`, where it has one. Third-party modules come
from layers.
"""

import ast
import os
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pulumi

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("handlers", "contract", "mlops_core")


class UnknownModuleError(Exception):
    """A module that is to be packed has no source file."""

    def __init__(self, module: str, root: Path) -> None:
        super().__init__(f"{module} has no source file under {root}. Check the handler's name: package.module.function")


def function_archive(handler: str) -> pulumi.AssetArchive:
    """The archive of the function whose handler is `package.module.function`."""
    files = function_sources(handler.rpartition(".")[0])
    # Relative to the program's directory, as Pulumi reads paths: a commit gives the same inputs wherever it lies.
    return pulumi.AssetArchive({file: pulumi.FileAsset(os.path.relpath(ROOT / file)) for file in files})


@cache
def function_sources(module: str, root: Path = ROOT) -> tuple[str, ...]:
    """Sorted paths, relative to `root`, of `module` and of every module of ours that it imports, however indirectly.

    A name that is imported from a package with a lazy door brings the module that the door's stub takes it from. Looked
    up once a process, which deploys one state of the sources.

    Raises UnknownModuleError.
    """
    if _source(module, root) is None:
        raise UnknownModuleError(module, root)
    found: set[Path] = set()
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        for name in _with_parents(waiting.pop()):
            if name in seen:
                continue
            seen.add(name)
            if (path := _source(name, root)) is not None:
                found.add(path)
                waiting += _imports(path, root)
                if (stub := path.with_suffix(".pyi")).is_file():  # which a lazy door reads when it runs
                    found.add(stub)
                if path.name == "__init__.py":
                    found.update((path.parent / "assets").glob("*"))
    return tuple(sorted(path.relative_to(root).as_posix() for path in found))


def _with_parents(module: str) -> Iterator[str]:
    """`a`, `a.b` and `a.b.c` of `a.b.c`: importing a module runs its packages first."""
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _source(module: str, root: Path) -> Path | None:
    if module.partition(".")[0] not in PACKAGES:
        return None
    path = root.joinpath(*module.split("."))
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _imports(path: Path, root: Path) -> list[str]:
    """Names of the modules that the file may import when it runs; a name that is no module is harmless."""
    package = path.relative_to(root).parent.as_posix().replace("/", ".")
    names: list[str] = []
    for base, imported in _statements(path.read_bytes(), package):
        door = _door(base, root)
        names += [base, *(door.get(name, f"{base}.{name}") for name in imported)]
    return names


@cache
def _statements(source: bytes, package: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The imports of a module in `package`: what is imported, and which names from it.

    Many functions have a file: it is parsed once.
    """
    found: list[tuple[str, tuple[str, ...]]] = []
    for node in _executed(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            found.append((base, tuple(alias.name for alias in node.names)))
    return tuple(found)


def _door(package: str, root: Path) -> Mapping[str, str]:
    """The module that each public name of a package with a lazy door comes from; none where the package has no stub."""
    stub = root.joinpath(*package.split("."), "__init__.pyi")
    if package.partition(".")[0] not in PACKAGES or not stub.is_file():
        return {}
    return _homes(stub.read_bytes(), package)


@cache
def _homes(stub: bytes, package: str) -> Mapping[str, str]:
    return {
        alias.name: f"{package}.{node.module}"
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """Every node below `node`, except under `if TYPE_CHECKING:`, which never runs."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and isinstance(child.test, ast.Name) and child.test.id == "TYPE_CHECKING":
            for other in child.orelse:
                yield other
                yield from _executed(other)
            continue
        yield child
        yield from _executed(child)
