"""The stores' answers where AWS says something that the emulation in this process does not say."""

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from handlers.stores import DataLake, ObjectMovedError, VersionedObject, clients
from handlers.stores.items import number
from mlops_core.telemetry.message import LARGEST_EVENT_VALUE
from tests.handlers import stores

KEY = "raw/date=2026-11-21/hour=10/shard=00/aa.jsonl.gz"


@pytest.fixture
def lake(aws) -> DataLake:
    return stores.lake()


@pytest.fixture
def stub():
    with Stubber(clients.s3()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def refuse(stub: Stubber, status: int, code: str, times: int = 1) -> None:
    for _ in range(times):
        stub.add_client_error("put_object", code, http_status_code=status)


def test_an_object_is_created_once(lake, aws):
    assert lake.create(KEY, b"first")
    assert not lake.create(KEY, b"second")
    assert aws.objects() == {KEY: b"first"}


def test_a_conflict_while_creating_is_not_success_but_tried_again(lake, stub):
    refuse(stub, 409, "ConditionalRequestConflict", times=2)
    stub.add_response("put_object", {"ETag": '"1"'})
    assert lake.create(KEY, b"body")


def test_a_conflict_that_ends_in_an_object_says_that_it_is_there(lake, stub):
    refuse(stub, 409, "ConditionalRequestConflict")
    refuse(stub, 412, "PreconditionFailed")
    assert not lake.create(KEY, b"body")


def test_conflicts_without_end_are_an_error(lake, stub):
    refuse(stub, 409, "ConditionalRequestConflict", times=5)
    with pytest.raises(ClientError, match="ConditionalRequestConflict"):
        lake.create(KEY, b"body")


@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (503, "SlowDown"), (404, "NoSuchBucket")])
def test_any_other_refusal_is_an_error(lake, stub, status, code):
    refuse(stub, status, code)
    with pytest.raises(ClientError, match=code):
        lake.create(KEY, b"body")
    refuse(stub, status, code)
    with pytest.raises(ClientError, match=code):
        lake.replace(KEY, b"body", seen=None)


@pytest.mark.parametrize(("status", "code"), [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")])
def test_a_refused_replacement_says_that_the_object_moved(lake, stub, status, code):
    refuse(stub, status, code)
    with pytest.raises(ObjectMovedError, match=KEY):
        lake.replace(KEY, b"body", seen='"1"')


def test_an_object_is_replaced_only_as_it_was_seen(lake, aws):
    first = lake.replace(KEY, b"first", seen=None)
    second = lake.replace(KEY, b"second", seen=first)
    for seen in (None, first):
        with pytest.raises(ObjectMovedError):
            lake.replace(KEY, b"third", seen=seen)
    assert aws.objects() == {KEY: b"second"}
    assert lake.versions("raw/") == {KEY: second}


def test_a_listing_goes_on_where_a_page_ends(lake, hook):
    hook(clients.s3(), "provide-client-params.s3.ListObjectsV2", lambda params, **_: params | {"MaxKeys": 3})
    keys = [f"raw/{n:04}" for n in range(0, 1100, 30)]
    for key in keys:
        lake.create(key, b"")
    assert list(lake.versions("raw/")) == keys
    assert list(lake.versions_under(["raw/00", "raw/1"])) == [key for key in keys if key[4:6] == "00" or key[4] == "1"]


def test_bodies_are_read_in_the_order_of_their_keys_and_a_missing_one_is_an_error(lake):
    keys = [f"raw/{n}" for n in range(40)]
    for key in keys:
        lake.create(key, key.encode())
    assert lake.read_all(keys[::-1]) == [key.encode() for key in keys[::-1]]
    with pytest.raises(ClientError, match="NoSuchKey"):
        lake.read_all([*keys, "raw/none"])


def test_clients_are_made_once_and_give_up_in_time(aws):
    assert clients.s3() is clients.s3()
    for client in (clients.s3(), clients.dynamodb(), clients.iot_data(None)):
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout) == (3, 10)
        assert config.retries["total_max_attempts"] == 5
        assert config.retries["mode"] == "standard"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1, "0.1"), (7, "7"), (-1e-130, "-1e-130"), (9e-131, "0"), (-5e-324, "0"), (LARGEST_EVENT_VALUE, "9.9e+125")],
)
def test_numbers_are_written_exactly_where_the_table_can_hold_them(value, text):
    assert number(value) == text


def counter(lake: DataLake) -> VersionedObject[int]:
    return VersionedObject(lake, KEY, encode=lambda value: str(value).encode(), decode=int)


def test_a_document_is_saved_only_in_the_place_of_the_version_that_was_loaded(lake):
    document = counter(lake)
    assert document.load() is None
    first = document.save(1, after=None)
    assert document.load() == first
    document.save(2, after=first)
    with pytest.raises(ObjectMovedError):
        document.save(3, after=first)


def test_an_update_is_made_of_the_fresh_value_where_another_run_was_faster(lake):
    document, given = counter(lake), []

    def incremented(value: int | None) -> int:
        given.append(value)
        if len(given) == 1:
            document.save(10, after=document.load())  # another run, between this one's load and its save
        return (value or 0) + 1

    assert document.update(incremented).value == 11
    assert given == [None, 10]


def test_an_update_that_changes_nothing_writes_nothing(lake):
    stored = counter(lake).save(7, after=None)
    assert counter(lake).update(lambda value: value or 0) == stored


def test_an_update_that_is_overtaken_time_after_time_is_an_error(lake):
    document = counter(lake)

    def overtaken(value: int | None) -> int:
        document.save((value or 0) + 1, after=document.load())
        return -1

    with pytest.raises(ObjectMovedError):
        document.update(overtaken)
