"""What a stack of the first release keeps for good stays the same resource: its URN or an alias, and its identity."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.infra.evaluation import Evaluation, Registration

RESOURCES = Path(__file__).resolve().parents[1] / "fixtures/release_1/resources"


class Urns:
    """Every URN by which the engine finds a resource's state: its own, and those of its and its parents' aliases."""

    def __init__(self, stack: str, evaluation: Evaluation) -> None:
        self._prefix = f"urn:pulumi:{stack}::mlops-industrial::"
        self._by_type_and_name = {(each.type, each.name): each for each in evaluation.registrations}

    def of(self, registration: Registration) -> set[str]:
        return {urn if urn.startswith("urn:") else f"{self._prefix}{urn}" for urn in self._qualified(registration)}

    def _qualified(self, registration: Registration) -> set[str]:
        own = {"type": registration.type, "name": registration.name}
        urns: set[str] = set()
        for alias in [{}, *registration.aliases]:
            if "urn" in alias:
                urns.add(alias["urn"])
                continue
            named = own | alias
            parents = {""} if alias.get("noParent") else self._parents(alias.get("parentUrn") or registration.parent)
            urns |= {f"{parent}{named['type']}::{named['name']}" for parent in parents}
        return urns

    def _parents(self, urn: str) -> set[str]:
        """The type chains of a parent, with the `$` that follows them."""
        kind, name = urn.split("::")[2].split("$")[-1], urn.split("::")[3]
        if kind == "pulumi:pulumi:Stack":
            return {""}
        qualified = self._qualified(self._by_type_and_name[kind, name])
        return {f"{each.removeprefix(self._prefix).split('::')[0]}$" for each in qualified}


def missing(stack: str, evaluation: Evaluation, before: dict[str, dict[str, Any]]) -> list[str]:
    urns = Urns(stack, evaluation)
    known = {urn: each for each in evaluation.registrations for urn in urns.of(each)}
    return [
        f"{urn}: {'gone' if urn not in known else f'{name} was {value}, is {known[urn].inputs.get(name)}'}"
        for urn, identity in before.items()
        for name, value in (identity or {"": None}).items()
        if urn not in known or known[urn].inputs.get(name) != value
    ]


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_holds_data_is_neither_replaced_nor_deleted(evaluated: Callable[..., Evaluation], stack: str):
    before = json.loads((RESOURCES / f"{stack}.json").read_text())
    assert len(before) > 20
    assert missing(stack, evaluated(stack), before) == []


def test_a_table_of_another_name_or_key_or_under_another_parent_is_found(evaluated: Callable[..., Evaluation]):
    before = json.loads((RESOURCES / "dev.json").read_text())
    (urn, identity) = next((urn, each) for urn, each in before.items() if "dynamodb" in urn)
    assert missing("dev", evaluated("dev"), {f"{urn}-other": identity})
    assert missing("dev", evaluated("dev"), {urn: identity | {"hashKey": "id"}})
    assert missing("dev", evaluated("dev"), {urn.replace("$aws", "$mlops:other:Other$aws"): identity})


def test_an_alias_of_a_component_counts_for_what_it_holds():
    component = Registration("mlops:new:New", "b", "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", {}, {}, "")
    component.aliases.append({"type": "mlops:old:Old", "name": "a"})
    table = Registration("aws:t:T", "a-table", "urn:pulumi:dev::p::mlops:new:New::b", {}, {}, "")
    evaluation = Evaluation([component, table])
    assert Urns("dev", evaluation).of(table) == {
        "urn:pulumi:dev::mlops-industrial::mlops:new:New$aws:t:T::a-table",
        "urn:pulumi:dev::mlops-industrial::mlops:old:Old$aws:t:T::a-table",
    }
