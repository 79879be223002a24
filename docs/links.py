"""What a Markdown document refers to, and what can be referred to in it."""

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ID = re.compile(r'<a id="([\w-]+)"></a>')
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)


class Link(NamedTuple):
    """A relative link: the file that it names (empty: its own page) and the heading in it (empty: the file's top)."""

    path: str
    anchor: str

    def target(self, page: Path) -> Path:
        """The file that this link means in a page."""
        return (page.parent / self.path).resolve() if self.path else page.resolve()


def relative_links(markdown: str) -> list[Link]:
    """Links and pictures of a document in its order, without those to other sites and what is in code."""
    prose = _CODE.sub("``", _FENCE.sub("", markdown))
    targets = (target for target in _LINK.findall(prose) if not re.match(r"[a-z]+:", target))
    return [Link(path, anchor) for path, _, anchor in (target.partition("#") for target in targets)]


def anchors(markdown: str) -> set[str]:
    """Places of a document that links can name: its headings as GitHub and the site form them, and `<a id="...">`."""
    prose = _FENCE.sub("", markdown)
    named = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(prose)}
    return named | set(_ID.findall(prose))


def swallowed(markdown: str) -> list[str]:
    """Lines that begin a list or table right below a paragraph: GitHub begins one there, the site does not."""
    lines = _FENCE.sub(lambda block: "\n" * block[0].count("\n"), markdown).splitlines()
    begins, goes_on = re.compile(r"- |\d+\. |\|"), re.compile(r"- |\d+\. |\||\s|#|$")
    return [line for above, line in pairwise(["", *lines]) if begins.match(line) and not goes_on.match(above)]
