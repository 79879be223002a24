"""What a page that was written to a file shows: its document, without the values of trends."""

import base64
import gzip
import json
import re
from typing import Any


def document_of(page: str) -> dict[str, Any]:
    """Return the document in a page's file."""
    (data,) = re.findall(r'<script type="text/plain" id="fleet-page">(.*?)</script>', page)
    text, _, _ = gzip.decompress(base64.b64decode(data)).partition(b"\0")
    return json.loads(text)
