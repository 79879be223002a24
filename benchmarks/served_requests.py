"""Answers requests with the inference function, AWS played by files: `python served_requests.py FOLDER REQUESTS`.

Runs with what the function deploys and nothing else on its path: Lambda's own packages, the layer and the archive. It
prints JSON: seconds of the import, of the first answer (the model is read, verified and loaded), and of each later one.
"""

import json
import sys
import time
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class Lake:
    """Stands for the S3 client: the objects are files."""

    def __init__(self, folder: Path) -> None:
        self._bodies = {
            str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()
        }

    def get_paginator(self, _operation: str) -> "Lake":
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> list[dict[str, Any]]:  # noqa: N803, ARG002 - boto3's names
        keys = sorted(key for key in self._bodies if key.startswith(Prefix))
        return [{"Contents": [{"Key": key, "ETag": str(hash(self._bodies[key]))} for key in keys]}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803, ARG002 - boto3's names
        return {"Body": BytesIO(self._bodies[Key])}


class Tables:
    """Stands for the DynamoDB client: newest features are in one file, the other tables are empty."""

    def __init__(self, items: dict[str, Any]) -> None:
        self.items = items

    def get_item(self, *, TableName: str, Key: dict[str, Any], **_: object) -> dict[str, Any]:  # noqa: N803 - boto3's names
        return {"Item": self.items[Key["machine_id"]["S"]]} if TableName == "features" else {}

    def get_paginator(self, _operation: str) -> "Tables":
        return self

    def paginate(self, **_: object) -> list[dict[str, Any]]:
        return [{"Items": []}]


def main() -> None:
    folder, requests = Path(sys.argv[1]), int(sys.argv[2])
    began = time.perf_counter()
    from handlers import inference
    from handlers.stores import clients

    imported = time.perf_counter() - began
    tables = Tables(json.loads((folder / "items.json").read_text()))
    lake = Lake(folder / "lake")
    clients.s3, clients.dynamodb = lambda: lake, lambda: tables
    context = SimpleNamespace(
        function_name="inference",
        memory_limit_in_mb=512,
        invoked_function_arn="arn:aws:lambda:eu-west-1:123456789012:function:inference",
        aws_request_id="1",
    )
    machine_ids = list(tables.items)
    out, sys.stdout = sys.stdout, open("/dev/null", "w")  # noqa: PTH123, SIM115 - the function's log

    def ask(number: int) -> tuple[float, float]:
        machine_id = machine_ids[number % len(machine_ids)]
        path = f"/machines/{machine_id}"
        event = {
            "rawPath": path,
            "headers": {},
            "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default"},
        }
        started = time.perf_counter()
        answer = inference.handler(event, context)
        seconds = time.perf_counter() - started
        if answer["statusCode"] != 200:
            raise SystemExit(f"{machine_id}: {answer['body']}")
        return seconds, json.loads(answer["body"])["failure_probability"]

    first, _ = ask(0)
    before = time.process_time()
    answers = [ask(number) for number in range(requests)]
    cpu = time.process_time() - before
    result = {
        "import_seconds": imported,
        "first_seconds": first,
        "seconds": [seconds for seconds, _ in answers],
        "cpu_seconds": cpu,
        "number": sum(probability for _, probability in answers),
    }
    out.write(json.dumps(result))


if __name__ == "__main__":
    main()
