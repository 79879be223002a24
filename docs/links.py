"""What a Markdown document refers to, and what can be referred to in it."""

import re
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


class Link(NamedTuple):
    """A relative link: the file that it names (empty: its own page) and the heading in it (empty: the file's top)."""

    path: str
    anchor: str

    def target(self, page: Path) -> Path:
        """The file that this link means in a page."""
        return (page.parent / self.path).resolve() if self.path else page.resolve()


def relative_links(markdown: str) -> list[Link]:
    """Links and pictures of a document in its order, without those to other sites and what stands in code."""
    prose = _CODE.sub("``", _FENCE.sub("", markdown))
    targets = (target for target in _LINK.findall(prose) if not re.match(r"[a-z]+:", target))
    return [Link(path, anchor) for path, _, anchor in (target.partition("#") for target in targets)]


def anchors(markdown: str) -> set[str]:
    """Names of a document's headings as GitHub and the site form them: lower case, hyphens, no punctuation."""
    headings = _HEADING.findall(_FENCE.sub("", markdown))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
