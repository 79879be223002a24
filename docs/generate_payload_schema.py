"""Write docs/payload.schema.json, the JSON Schema of what machines send: python -m docs.generate_payload_schema."""

import json
from pathlib import Path

from mlops_core.telemetry import CHANNELS, payload_schema

FILE = Path(__file__).parent / "payload.schema.json"


def render() -> str:
    """Return the schema of the channels out of the box, as text."""
    return json.dumps(payload_schema(CHANNELS), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
