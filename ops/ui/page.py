"""The page as one file without a request to anywhere: its script and style are part of it, and so may its data be."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from ops.ui.document import FleetPage

__all__ = ["content_security_policy", "live_page", "snapshot"]

_APPENDIX = "<!--APPENDIX-->"
_STYLES = ("base.css", "views.css", "narrow.css", "print.css")
_SCRIPTS = (
    "html.js", "words.js", "icons.js", "charts.js", "frame.js", "fleet.js", "machine.js", "alarms.js", "quality.js",
    "models.js", "actions.js", "page.js",
)  # fmt: skip


def live_page() -> str:
    """Return the page that asks its server for the document, again and again."""
    return _page().replace(_APPENDIX, "").replace("/*DOCUMENT*/", "")


def snapshot(document: FleetPage, *, appendix: str = "") -> str:
    """Return the page with its document in it: a file to keep, print or send, from which nothing can be done.

    appendix: HTML that follows the views.
    """
    quiet = document.model_copy(update={"actions": ()})
    data = quiet.model_dump_json().replace("<", "\\u003c")  # no text from outside can end the element
    return _page().replace(_APPENDIX, appendix).replace("/*DOCUMENT*/", data)


def content_security_policy() -> str:
    """Return the policy under which the page runs: its own script and style, requests to its own server alone."""
    script = base64.b64encode(hashlib.sha256(_joined(_SCRIPTS).encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{script}'; style-src 'unsafe-inline'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


@cache
def _page() -> str:
    html = _read("page.html")
    return html.replace("/*STYLE*/", _joined(_STYLES)).replace("/*SCRIPT*/", _joined(_SCRIPTS))


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(_read(name) for name in names)


def _read(name: str) -> str:
    return (files("ops.ui") / "assets" / name).read_text(encoding="utf-8")
