"""Gathers the pages of the documentation site: `python -m docs.assemble FOLDER`, which `make docs` does before mkdocs.

Pages keep their places, so a link that works on GitHub works on the site. Files that pages link to (Pulumi.yaml, a
table of prices) are copied beside them; notebooks are expected in FOLDER as Markdown, and links to them point there.
"""

import re
import shutil
import sys
from pathlib import Path

from docs.links import relative_links

ROOT = Path(__file__).parents[1]
NOTEBOOK_LINK = re.compile(r"(\]\([^)\s]+)\.ipynb((?:#[^)\s]*)?\))")


def pages() -> list[Path]:
    """Every document of the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def assemble(folder: Path) -> None:
    """Write all pages, and what they link to, into a folder, and point links to notebooks at their pages there."""
    for page in pages():
        markdown = page.read_text()
        for link in relative_links(markdown):
            file = link.target(page)
            if file.suffix not in {".md", ".ipynb"}:
                _copy(file, folder)
        _write(folder / page.relative_to(ROOT), markdown)
    for page in sorted((folder / "notebooks").glob("*.md")):
        _write(page, page.read_text())


def _write(page: Path, markdown: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(NOTEBOOK_LINK.sub(r"\1.md\2", markdown))


def _copy(file: Path, folder: Path) -> None:
    copy = folder / file.relative_to(ROOT)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, copy)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]))
