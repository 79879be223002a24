"""Statements of the code by package, docstrings and comments apart: `python -m benchmarks.statements [COMMIT]`.

A statement is a node of Python's grammar, so that formatting and line length do not count.
"""

import ast
import subprocess
import sys
from collections import Counter


def statements(source: str) -> int:
    """Return the number of statements, without docstrings."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    texts = (node.value for node in nodes if isinstance(node, ast.Expr))
    return len(nodes) - sum(isinstance(text, ast.Constant) and isinstance(text.value, str) for text in texts)


def by_package(commit: str) -> Counter[str]:
    """Return the statements of a commit by top-level folder."""
    found: Counter[str] = Counter()
    for path in _git("ls-tree", "-r", "--name-only", commit).splitlines():
        if path.endswith(".py"):
            found[path.split("/")[0] if "/" in path else "__main__"] += statements(_git("show", f"{commit}:{path}"))
    return found


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    for package, count in sorted(by_package((sys.argv[1:] or ["HEAD"])[0]).items()):
        print(f"{package:12} {count:6,}")
