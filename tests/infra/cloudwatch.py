"""CloudWatch's documented rules of alarm evaluation, for one kind of metric at a time: periods, missing data, math.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html: an alarm looks at the last
`evaluationPeriods` data points and is in alarm where all of them breach (`datapointsToAlarm` of them). Missing ones
count as the alarm says; `ignore` keeps the state.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

# A query of Metrics Insights gives one value a period, over all metrics that it names.
_INSIGHTS = re.compile(r"""SELECT SUM\((?P<metric>\w+)\) FROM "(?P<space>[\w/]+)" WHERE (?P<where>RuleName = '.*')""")

OK, ALARM, UNKNOWN = "OK", "ALARM", "INSUFFICIENT_DATA"
Points = Sequence[float | None]
"""One value a period; None where none was sent."""


def expected_metrics(alarm: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The metrics that an alarm reads, by the ids of its expression."""
    queries = alarm.get("metricQueries")
    if queries is None:
        return {"only": {key: alarm[key] for key in ("namespace", "metricName", "dimensions")}}
    insights = {query["id"]: _INSIGHTS.fullmatch(query["expression"]) for query in queries if "expression" in query}
    return {query["id"]: query["metric"] for query in queries if "metric" in query} | {
        name: {"namespace": match["space"], "metricName": match["metric"], "dimensions": {"RuleName": match["where"]}}
        for name, match in insights.items()
        if match
    }


def states(alarm: Mapping[str, Any], series: Mapping[str, Points]) -> list[str]:
    """The state of an alarm after each period, from its creation on."""
    points = _judged(alarm, series)
    count = int(alarm["evaluationPeriods"])
    state, seen = UNKNOWN, []
    for now in range(len(points)):
        window = [None] * max(0, count - now - 1) + list(points[max(0, now + 1 - count) : now + 1])
        state = _state(alarm, window, state)
        seen.append(state)
    return seen


def composite_states(rule: str, children: Mapping[str, Sequence[str]]) -> list[str]:
    """The states of a composite alarm whose rule joins ALARM("name") by AND."""
    names = re.findall(r"ALARM\(([^)]+)\)", rule)
    assert rule == " AND ".join(f"ALARM({name})" for name in names)
    columns = zip(*(children[name.strip('"')] for name in names), strict=True)
    return [ALARM if all(state == ALARM for state in column) else OK for column in columns]


def _state(alarm: Mapping[str, Any], window: Points, before: str) -> str:
    treat, threshold = alarm.get("treatMissingData", "missing"), float(alarm["threshold"])
    assert alarm["comparisonOperator"] == "GreaterThanThreshold"
    if all(value is None for value in window) and treat in {"ignore", "missing"}:
        return before if treat == "ignore" else UNKNOWN
    known = [value for value in window if value is not None]
    filled = len(window) - len(known)
    breaching = sum(value > threshold for value in known)
    if treat == "breaching":
        breaching += filled
    if treat == "ignore" and filled:
        return ALARM if breaching == len(known) else before
    return ALARM if breaching >= int(alarm.get("datapointsToAlarm", len(window))) else OK


def _judged(alarm: Mapping[str, Any], series: Mapping[str, Points]) -> list[float | None]:
    queries = alarm.get("metricQueries")
    if queries is None:
        return list(series["only"])
    (judged,) = [query for query in queries if query.get("returnData")]
    expression = judged["id"] if _INSIGHTS.fullmatch(judged["expression"]) else judged["expression"]
    length = len(next(iter(series.values())))
    return [_value(expression, {name: points[now] for name, points in series.items()}) for now in range(length)]


def _value(expression: str, values: Mapping[str, float | None]) -> float | None:
    """Metric math: FILL(name, number), names, and arithmetic; a name without data makes the result missing."""
    filled = re.sub(r"FILL\((\w+), (\d+)\)", lambda m: str(m[2] if values[m[1]] is None else values[m[1]]), expression)
    if any(values[name] is None for name in re.findall(r"[a-z_]\w*", filled)):
        return None
    try:
        return float(eval(filled, {"__builtins__": {}}, dict(values)))  # noqa: S307 - the expressions are our own
    except ZeroDivisionError:
        return None  # as CloudWatch: no data point
