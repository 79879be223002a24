"""The bill equals the one made by hand in docs/cost.md, and says what the issue of messages costs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ops.cli import app
from ops.cost.bill import Bill, Line, batch_of, monthly_bill, one_function_bill
from ops.cost.prices import Price, load_prices
from ops.cost.workload import Workload, runs_a_month
from ops.errors import OptionError

ROOT = Path(__file__).parents[2]
FLEET = Workload(machines=1000, readings_per_minute=2, batch=20, basic_ingest=True)

# The lines of the bill that each row of the table by hand adds up.
BY_HAND = {
    "connections": {("IoT Core", "connections")},
    "rule and action": {("IoT Core", "rules triggered"), ("IoT Core", "actions")},
    "SQS, messages": {("SQS", "sent"), ("SQS", "received"), ("SQS", "deleted")},
    "SQS, the idle queue of failures": {("SQS", "failures, received")},
    "Lambda, ingestion": {("Lambda", "ingestion, runs"), ("Lambda", "ingestion, GB-seconds")},
    "S3, raw objects": {("S3", "raw objects written"), ("S3", "raw objects read")},
    "S3, hours": {("S3", "hours listed and written")},
    "DynamoDB, newest features": {("DynamoDB", "newest features")},
    "predictions": {("DynamoDB", "features read"), ("S3", "predictions")},
    "Lambda, processing": {("Lambda", "processing, GB-seconds")},
    "Lambda, scoring": {("Lambda", "scoring, GB-seconds")},
    "S3, stored": {
        ("S3", "received and replaced, GB"),
        ("S3", "the same, seldom read, GB"),
        ("S3", "compacted, GB"),
        ("S3", "features, GB"),
    },
    "CloudWatch": {
        ("CloudWatch", "metrics"),
        ("CloudWatch", "logs of ingestion, GB"),
        ("CloudWatch", "logs of runs, GB"),
    },
    "training, schedules": {
        ("Lambda", "training, GB-seconds"),
        ("Step Functions", "transitions"),
        ("EventBridge", "schedules"),
    },
}


def of(work: Workload, region: str = "us-east-1") -> Bill:
    return monthly_bill(work, load_prices(region))


def table_by_hand() -> dict[str, float]:
    text = (ROOT / "docs" / "cost.md").read_text().split("## By hand")[1]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines() if row.startswith("| ")]
    return {row[0]: float(row[2]) for row in cells[2:]}


def test_each_line_is_that_of_the_table_by_hand() -> None:
    lines: dict[tuple[str, str], Line] = {(line.service, line.what): line for line in of(FLEET).lines}
    table = table_by_hand()
    assert {name for names in BY_HAND.values() for name in names} == lines.keys()
    assert {name: sum(lines[line].usd for line in BY_HAND[name]) for name in BY_HAND} == pytest.approx(
        {name: table[name] for name in BY_HAND}, abs=0.0006
    )
    assert of(FLEET).usd == pytest.approx(table["the month"], abs=0.0006)


def test_a_machine_with_batches_costs_at_most_two_cents_and_one_with_single_readings_eight() -> None:
    assert of(FLEET).usd_a_machine <= 0.02
    assert of(FLEET).usd / FLEET.machines <= 0.02
    assert of(replace(FLEET, batch=1)).usd_a_machine <= 0.08
    quarter = of(replace(FLEET, batch=30, basic_ingest=False))  # of an hour, of two channels
    assert quarter.usd_a_machine == pytest.approx(0.0151, abs=5e-5)
    assert quarter.usd / FLEET.machines <= 0.02  # with what is fixed


def test_an_object_a_reading_costs_seven_times_as_much_as_single_readings_that_are_buffered() -> None:
    single = replace(FLEET, batch=1)
    assert one_function_bill(single, load_prices("us-east-1")).usd > 7 * of(single).usd


def test_an_object_a_reading_costs_more_than_nine_times_as_much_as_batches_of_ten() -> None:
    ten = replace(FLEET, batch=10)
    assert one_function_bill(ten, load_prices("us-east-1")).usd > 9 * of(ten).usd
    assert of(ten).usd_a_machine <= 0.02


def test_what_is_fixed_does_not_grow_with_the_fleet() -> None:
    assert of(FLEET).fixed_usd == of(replace(FLEET, machines=100_000)).fixed_usd > 0


def test_a_price_in_tiers_charges_each_part_by_its_own() -> None:
    assert Price((1.0, 0.8, 0.7), per=1e6, tiers=(1e9, 5e9)).of(6e9) == pytest.approx(1000 + 3200 + 700)


def test_a_run_of_ingestion_takes_what_one_of_five_readers_gathers_and_an_event_holds() -> None:
    assert batch_of(replace(FLEET, batch=1)) == pytest.approx(1000 * 2 / 60 * 20 / 5)
    assert batch_of(replace(FLEET, machines=1)) == 1
    assert batch_of(replace(FLEET, machines=10**6, batch=1, ingestion_batch_size=10_000)) == 5560


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("cron(5 * * * ? *)", 720),
        ("rate(6 hours)", 120),
        ("cron(0/15 6-17 ? * * *)", 4 * 12 * 30),
        ("rate(7 days)", 30 / 7),
    ],
)
def test_a_schedule_says_how_often_it_fires(schedule: str, runs: float) -> None:
    assert runs_a_month(schedule) == pytest.approx(runs)


def test_a_schedule_of_single_days_is_asked_for() -> None:
    with pytest.raises(OptionError, match="--runs"):
        runs_a_month("cron(0 6 ? * MON *)")


def test_every_region_has_every_price() -> None:
    assert load_prices("us-east-1").prices.keys() == load_prices("eu-central-1").prices.keys()
    with pytest.raises(OptionError, match="us-east-1"):
        load_prices("mars-north-1")


def test_the_command_reads_the_stack_and_prints_one_document() -> None:
    ran = CliRunner().invoke(app, ["cost", "--stack", "prod", "--machines", "10", "--batch", "20", "--json"])
    document = json.loads(ran.stdout)
    assert document["workload"]["window_lengths"] == 4
    assert document["workload"]["customer_managed_key"]
    assert document["usd_a_month"] == pytest.approx(sum(document["by_service"].values()))


def test_the_lines_explain_themselves() -> None:
    ran = CliRunner().invoke(app, ["cost", "--explain"])
    assert ran.exit_code == 0
    assert "Line by line" in ran.stdout
    assert "https://aws.amazon.com/iot-core/pricing/" in ran.stdout.replace("\n", "")
