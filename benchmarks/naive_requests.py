"""Answers the same requests as a first draft would: `python naive_requests.py FOLDER REQUESTS {each|once}`.

The row becomes a pandas frame, LightGBM reads the models `each` time or `once`, and the probability and the median
hours are told: nothing is verified, no reasons are given. Prints what `served_requests` prints.
"""

import importlib
import json
import math
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    folder, requests, reading = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    began = time.perf_counter()
    # By name: the environment of the type check has no pandas.
    lightgbm: Any = importlib.import_module("lightgbm")
    pandas: Any = importlib.import_module("pandas")
    imported = time.perf_counter() - began
    items: dict[str, Any] = json.loads((folder / "items.json").read_text())
    champion = json.loads((folder / "lake/models/champion.json").read_text())["version"]
    model = folder / "lake/models" / champion
    schema = json.loads((model / "features.json").read_text())
    names = schema["names"]
    calibration = json.loads((model / "calibration.json").read_text())["probability"]
    shift = math.log(calibration["kept_share"])
    kept: list[Any] = []
    machine_ids = list(items)

    def models() -> list[Any]:
        if kept:
            return kept
        read = [lightgbm.Booster(model_file=str(model / name)) for name in ("failure.txt", "life.txt")]
        if reading == "once":
            kept.extend(read)
        return read

    def expected(row: dict[str, float], count: str) -> float:
        channel, hours = count.removesuffix("h").rsplit("_", 1)
        return row[f"{channel}_24h"] * int(hours) / 24

    def ask(number: int) -> tuple[float, float]:
        machine_id = machine_ids[number % len(machine_ids)]
        started = time.perf_counter()
        stored = items[machine_id]["features"]["M"]
        row = {name: float(stored[name]["N"]) if name in stored else float("nan") for name in names}
        row |= {name: row[name] / expected(row, name) for name in schema["shares"]}  # counts, as the model reads them
        frame = pandas.DataFrame([row], columns=names, dtype="float32")
        failure, life = (booster.predict(frame, raw_score=True)[0] for booster in models())
        probability = 1 / (1 + math.exp(-(calibration["slope"] * (failure + shift) + calibration["intercept"])))
        body = {"machine_id": machine_id, "failure_probability": probability, "rul_hours": math.expm1(life)}
        json.dumps(body)
        return time.perf_counter() - started, probability

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
    print(json.dumps(result))


if __name__ == "__main__":
    main()
