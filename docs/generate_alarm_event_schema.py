"""Write docs/alarm-event.schema.json, the JSON Schema of alarm events: python -m docs.generate_alarm_event_schema."""

import json
from pathlib import Path

from mlops_core.alerting import EpisodeChanged

FILE = Path(__file__).parent / "alarm-event.schema.json"


def render() -> str:
    """Return the schema, as text."""
    schema = EpisodeChanged.model_json_schema(mode="serialization")
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
