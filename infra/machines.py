"""The records of machines: the table of their classes, attributes, planned maintenance and retirement."""

from collections.abc import Mapping
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from infra.policies import Statement, allow
from infra.table import TableOptions, string_keyed_table


class MachinesAccess(TypedDict):
    """What a function needs to know of machines."""

    machines_table: pulumi.Input[str]
    machines_arn: pulumi.Input[str]
    machine_classes: NotRequired[Mapping[str, Any]]
    """The configured classes, as `machineClasses` has them: limits, and when a machine runs (default: ISO 20816's zones
    for velocities)."""


class MachinesArgs(TableOptions):
    """What the table of machines is made of."""

    machine_classes: NotRequired[Mapping[str, Any]]
    """The configured classes, for the functions that read the table (default: none)."""


class Machines(pulumi.ComponentResource):
    """The table of machines, one item each. Commands write it (`mlops machines`, `mlops maintenance plan`).

    Example:
        >>> machines = Machines("machines", {})
        >>> pulumi.export("machines_table_name", machines.table.name)

    """

    table: aws.dynamodb.Table
    access: MachinesAccess
    """Given to the components whose functions read it."""

    def __init__(self, name: str, args: MachinesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("mlops:machines:Machines", name, None, opts)
        self.table = string_keyed_table(name, args, self, hash_key="machine_id")
        self.access = {
            "machines_table": self.table.name,
            "machines_arn": self.table.arn,
            "machine_classes": args.get("machine_classes", {}),
        }
        self.register_outputs({"machines_table": self.table.name})


def machine_settings(access: MachinesAccess) -> dict[str, object]:
    """The settings of every function that knows machines."""
    return {"machines_table": access["machines_table"], "machine_classes": access.get("machine_classes", {})}


def read_machines(access: MachinesAccess, *, reads: tuple[str, ...] = ("dynamodb:Scan",)) -> Statement:
    """Let a function read the table; `reads`: how it does."""
    return allow("ReadMachines", list(reads), [access["machines_arn"]])
