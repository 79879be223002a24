"""``mlops cost``: what a fleet costs a month, before anything is deployed."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.console import print_json, print_line, print_table
from ops.cost.workload import READINGS_PER_MINUTE
from ops.options import AsJson

if TYPE_CHECKING:
    from ops.cost.bill import Bill
    from ops.cost.prices import Prices


def cost(
    machines: Annotated[int, typer.Option("--machines", min=1, help="Size of the fleet.")] = 1000,
    readings_per_minute: Annotated[
        float, typer.Option("--readings-per-minute", min=0.0, help="Of one machine, all channels together.")
    ] = READINGS_PER_MINUTE,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Readings a message; 20 are ten minutes of two channels.")
    ] = 1,
    basic_ingest: Annotated[
        bool | None, typer.Option("--basic-ingest/--no-basic-ingest", help="Default: basicIngest of the stack.")
    ] = None,
    runs: Annotated[
        float | None, typer.Option("--runs", help="Runs of processing a month, instead of its own.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", help="Default: aws:region of the stack.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show each line's quantity, price and origin.")] = False,
    prices: Annotated[Path | None, typer.Option("--prices", help="Another price table.", dir_okay=False)] = None,
    stack: Annotated[str, typer.Option("--stack", help="Whose configuration: Pulumi.<stack>.yaml.")] = "dev",
    as_json: AsJson = False,
) -> None:
    """Estimate the monthly bill by service, from the price table of this project and the stack's configuration.

    For comparison: the same fleet on the simplest design, one function run and one object a reading.
    """
    from ops.cost.bill import monthly_bill, one_function_bill
    from ops.cost.prices import TABLE, load_prices
    from ops.cost.workload import Workload, configuration

    work = Workload.of_stack(
        stack,
        machines=machines,
        readings_per_minute=readings_per_minute,
        batch=batch,
        basic_ingest=basic_ingest,
        processing_runs=runs,
    )
    table = load_prices(region or str(configuration(stack)["region"]), prices or TABLE)
    bill, simplest = monthly_bill(work, table), one_function_bill(work, table)
    if as_json:
        print_json(
            {
                "stack": stack,
                "region": table.region,
                "prices_of": table.noted.isoformat(),
                "workload": asdict(work),
                "usd_a_month": bill.usd,
                "fixed_usd_a_month": bill.fixed_usd,
                "usd_a_machine_month": bill.usd_a_machine,
                "one_function_usd_a_month": simplest.usd,
                "by_service": bill.by_service(),
                "lines": [asdict(line) for line in bill.lines],
            }
        )
    else:
        _print(bill, simplest, table, title=f"{machines:,} machines in {table.region}, a month", explain=explain)


def _print(bill: "Bill", simplest: "Bill", prices: "Prices", *, title: str, explain: bool) -> None:
    print_table(title, ["service", "USD"], list(bill.by_service().items()))
    if explain:
        rows = [
            [line.service, line.what, f"{line.quantity:,.0f}", _price(prices, line.price), f"{line.usd:,.3f}", line.how]
            for line in bill.lines
        ]
        print_table("Line by line", ["service", "what", "quantity", "price", "USD", "how"], rows)
        for name, source in prices.sources.items():
            print_line(f"Prices of {name}: {source}")
    times = simplest.usd / bill.usd
    print_line(
        f"{bill.usd:,.2f} USD a month: {bill.fixed_usd:,.2f} for the stack and {bill.usd_a_machine:.4f} a machine."
        f" One function run and one object a reading would cost {simplest.usd:,.2f}, {times:.1f} times that."
    )
    print_line(f"List prices as of {prices.noted}, without free tiers, transfer and tax.")


def _price(prices: "Prices", name: str) -> str:
    price = prices[name]
    return f"{' / '.join(f'{usd:.10g}' for usd in price.usd)} per {price.per:,.0f}"
