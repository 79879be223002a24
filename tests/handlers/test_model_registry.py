"""The registry: versions that never change, and one champion whatever races for its place."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from handlers.stores import ChampionMovedError, UnknownModelError
from mlops_core.errors import (
    BundleError,
    CorruptBundleError,
    IncompleteBundleError,
    SwappedBundleError,
    UnsupportedBundleError,
)
from mlops_core.lake import CHAMPION_KEY
from tests.handlers.model_bundles import small_bundle

AT = datetime(2026, 11, 21, 8, tzinfo=UTC)
BUNDLE, OTHER = small_bundle(1), small_bundle(2)


def key(name: str) -> str:
    return f"models/{BUNDLE.version}/{name}"


def test_a_version_is_stored_once_and_read_back_as_it_was(registry, aws):
    assert registry.store(BUNDLE)
    stored = aws.objects("models/")
    assert not registry.store(BUNDLE)
    assert aws.objects("models/") == stored == {key(name): content for name, content in BUNDLE.files().items()}
    assert registry.load(BUNDLE.version) == BUNDLE
    assert registry.versions() == [BUNDLE.version]


def test_a_version_counts_only_once_it_is_whole_and_storing_again_completes_it(registry, aws):
    registry.store(BUNDLE)
    for name in ("bundle.json", "life.txt"):
        aws.delete(key(name))
    assert registry.versions() == []
    with pytest.raises(IncompleteBundleError):
        registry.load(BUNDLE.version)
    assert registry.store(BUNDLE)
    assert registry.load(BUNDLE.version) == BUNDLE


def swap(aws):
    for name, content in OTHER.files().items():
        aws.put(key(name), content)


def damage(name, change):
    def apply(aws):
        aws.put(key(name), change(BUNDLE.files()[name]))

    return apply


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        pytest.param(damage("failure.txt", lambda old: old[:-200]), CorruptBundleError, id="truncated"),
        pytest.param(damage("calibration.json", lambda old: old.replace(b"1", b"2")), CorruptBundleError, id="corrupt"),
        pytest.param(damage("bundle.json", lambda _: b"{"), CorruptBundleError, id="root is no JSON"),
        pytest.param(
            damage("bundle.json", lambda old: old.replace(b'"layout":1', b'"layout":0')),
            UnsupportedBundleError,
            id="older layout",
        ),
        pytest.param(
            damage("life.txt", lambda _: OTHER.files()["life.txt"]), CorruptBundleError, id="one file of another"
        ),
        pytest.param(swap, SwappedBundleError, id="another model under this name"),
    ],
)
def test_what_is_not_what_was_stored_is_refused_and_the_champion_stays(registry, aws, harm, error):
    registry.store(OTHER)
    champion = registry.promote(OTHER.version, after=None, at=AT, reason="the first")
    registry.store(BUNDLE)
    harm(aws)
    with pytest.raises(error):
        registry.load(BUNDLE.version)
    with pytest.raises(BundleError):
        registry.promote(BUNDLE.version, after=champion, at=AT, reason="damaged")
    assert registry.champion() == champion


def test_a_version_that_is_not_there_cannot_serve(registry):
    with pytest.raises(UnknownModelError, match="20260101-000000000000"):
        registry.promote("20260101-000000000000", after=None, at=AT, reason="a typing mistake")
    assert registry.champion() is None


def test_of_twenty_promotions_at_once_exactly_one_wins_and_each_round_adds_one_to_the_history(registry, s3_is_atomic):
    for bundle in (BUNDLE, OTHER):
        registry.store(bundle)
    for sequence, version in enumerate((BUNDLE.version, OTHER.version), start=1):
        seen = registry.champion()
        start = threading.Barrier(20)

        def attempt(number: int, after=seen, start=start, version=version) -> str | None:
            start.wait()
            try:
                registry.promote(version, after=after, at=AT, reason=f"attempt {number}")
            except ChampionMovedError:
                return None
            return f"attempt {number}"

        with ThreadPoolExecutor(20) as pool:
            winners = [reason for reason in pool.map(attempt, range(20)) if reason]
        champion = registry.champion().value
        assert len(winners) == 1
        assert champion.version == version
        assert champion.promotions[-1].reason == winners[0]
        assert len(champion.promotions) == sequence


def test_a_rollback_is_the_promotion_of_what_served_before(registry):
    for bundle in (BUNDLE, OTHER):
        registry.store(bundle)
    first = registry.promote(BUNDLE.version, after=None, at=AT, reason="the first")
    second = registry.promote(OTHER.version, after=first, at=AT, reason="better")
    third = registry.promote(second.value.previous, after=second, at=AT, reason="it flaps")
    assert [move.version for move in third.value.promotions] == [BUNDLE.version, OTHER.version, BUNDLE.version]
    assert registry.champion() == third


def test_a_champion_that_cannot_be_read_is_an_error_and_not_the_absence_of_one(registry, aws):
    aws.put(CHAMPION_KEY, b"{}")
    with pytest.raises(ValueError, match="holds no promotions"):
        registry.champion()


@pytest.fixture
def s3_is_atomic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the stand-in for S3 decide one conditional write after the other, as S3 does."""
    from moto.s3.responses import S3Response

    lock, put = threading.Lock(), S3Response.put_object

    def one_at_a_time(self: S3Response):
        with lock:
            return put(self)

    monkeypatch.setattr(S3Response, "put_object", one_at_a_time)
