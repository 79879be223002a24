"""A budget: a notice when the account costs more in a month than was planned."""

from collections.abc import Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from infra.naming import namespace


class BudgetArgs(TypedDict):
    """What a budget is made of."""

    monthly_usd: int
    emails: Sequence[str]
    """The recipients; these messages need no confirmation."""


class Budget(pulumi.ComponentResource):
    """What the account may cost in a month. A notice goes out once the forecast exceeds it, and once it is spent.

    It counts the whole account: a tag counts for bills only once it is activated for that, and a budget of a tag that
    is not would stay silent.

    Example:
        >>> Budget("budget", {"monthly_usd": 50, "emails": ["maintenance@example.com"]})

    """

    def __init__(self, name: str, args: BudgetArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:cost:Budget", name, None, opts)
        aws.budgets.Budget(
            name,
            name=f"{namespace()}-{name}",
            budget_type="COST",
            limit_amount=str(args["monthly_usd"]),
            limit_unit="USD",
            time_unit="MONTHLY",
            notifications=[
                {
                    "comparison_operator": "GREATER_THAN",
                    "threshold": 100,
                    "threshold_type": "PERCENTAGE",
                    "notification_type": kind,
                    "subscriber_email_addresses": [*args["emails"]],
                }
                for kind in ("FORECASTED", "ACTUAL")
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
