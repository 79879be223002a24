"""The newest rows of the fleet as one object: what the online store holds, read without a request a machine."""

import pytest

from handlers.stores import FeatureRow
from mlops_core.lake import NEWEST_KEY
from tests.handlers import stores
from tests.handlers.processed_lake import MACHINES, NOON, at, processed, put, readings, span


def online() -> list[FeatureRow]:
    return stores.online().load_all()


def test_both_places_hold_the_same_after_every_run_late_readings_and_older_ranges(aws, deploy):
    put(aws, readings(-12, 2, machines=MACHINES[:1]) + readings(-12, 0, machines=MACHINES[1:]))
    invoke = deploy("processing")
    for event in (at(), at(1), at(2), span(-6, -2)):
        invoke(event)
        assert stores.fleet().load_fleet() == online()
    put(aws, readings(-1, 0, minutes=7))
    invoke(at(2))
    assert stores.fleet().load_fleet() == online()
    assert [row.machine_id for row in online()] == sorted(MACHINES)
    assert {row.window_end for row in online()} == {max(row.window_end for row in online())}


def test_the_fleet_is_read_in_two_requests_and_no_item_of_the_table(aws, deploy, faults):
    processed(aws, deploy, readings(-12, 0))
    store = stores.fleet()
    faults.clear()
    assert len(store.load_fleet()) == 2
    assert faults.calls == ["ListObjectsV2", "GetObject"]


@pytest.mark.parametrize("body", [None, b"", b"no archive", b"PK\x05\x06" + 18 * b"\0"])
def test_where_it_is_absent_or_damaged_the_table_counts_and_the_next_run_makes_it_again(aws, deploy, body):
    invoke = processed(aws, deploy, readings(-12, 0) + readings(-20, -12, machines=["GONE-1"]), -12)
    invoke(at())
    if body is None:
        aws.delete(NEWEST_KEY)
    else:
        aws.put(NEWEST_KEY, body)
    assert stores.fleet().load_fleet() == online()
    put(aws, readings(0, 1))
    invoke(at(1))
    assert NEWEST_KEY in aws.objects(NEWEST_KEY)
    assert stores.fleet().load_fleet() == online()
    assert "GONE-1" in {row.machine_id for row in online()}
    assert max(row.window_end for row in stores.fleet().load_fleet()) > NOON
