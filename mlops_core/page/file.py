"""The page as one file without a request to anywhere: its script and style are part of it, and so may its data be.

In a file the data are compressed, and the values of trends are drawn on a scale of 254 steps from a channel's least to
its greatest: what a chart of 250 pixels can show. So 1,000 machines are some 380 kB instead of 2 MB.
"""

import base64
import gzip
import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Final

from mlops_core.page.document import FleetPage

_HIGHEST: Final = 254
_NO_VALUE: Final = 255
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

    Args:
        document: the page's data.
        appendix: HTML that follows the views.

    """
    data = packed(document.model_copy(update={"actions": ()}))  # base64: no text from outside can end the element
    return _page().replace(_APPENDIX, appendix).replace("/*DOCUMENT*/", data)


def packed(document: FleetPage) -> str:
    """Return a document as the page unpacks it: base64 of gzip of its JSON, a zero byte, and the values of trends.

    A channel's values are a byte each, the difference to the one before modulo 256, of their steps above its least;
    in the JSON stand how many they are, the least, the step, and the newest as it is, which is shown as a number.
    """
    body: dict[str, Any] = document.model_dump(mode="json", exclude_none=True)
    levels = bytearray()
    for machine, known in zip(body["machines"], document.machines, strict=True):
        for channel, trend in zip(machine["channels"], known.channels, strict=True):
            channel["values"], steps = _on_a_scale(trend.values)
            levels += bytes((step - before) % 256 for before, step in zip([0, *steps], steps, strict=False))
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(gzip.compress(text + b"\0" + levels, mtime=0)).decode()


def _on_a_scale(values: Sequence[float | None]) -> tuple[dict[str, float], list[int]]:
    known = [value for value in values if value is not None]
    least, most = min(known, default=0.0), max(known, default=0.0)
    step = (most - least) / _HIGHEST or 1.0
    steps = [_NO_VALUE if value is None else round((value - least) / step) for value in values]
    return {"count": len(values), "least": least, "step": step, "newest": known[-1] if known else 0.0}, steps


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
    return (files("mlops_core.page") / "assets" / name).read_text(encoding="utf-8")
