"""Which model serves: the champion, looked up again in time; the last good one where that cannot be read."""

import json
from functools import partial

import pytest

from handlers.stores import NoModelError, Serving, load_servable
from mlops_core.features import FeatureRecipe
from mlops_core.lake import CHAMPION_KEY
from mlops_core.prognosis import ModelBundle
from tests.handlers.model_bundles import damage, serve, small_bundle

BUNDLE, OTHER = small_bundle(1), small_bundle(2)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


STACK = FeatureRecipe.of_stack(("temperature", "vibration"), lengths=("1h", "6h"), hop="1h")


def serving(registry, clock, stack=STACK) -> Serving[ModelBundle]:
    return Serving(registry, load=partial(load_servable, registry, stack=stack), recheck_seconds=60, clock=clock)


def test_a_new_champion_serves_after_the_recheck_and_the_object_is_read_once(registry, faults):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    assert model.current().version == BUNDLE.version
    serve(registry, OTHER)
    faults.clear()
    clock.now = 59
    assert model.current().version == BUNDLE.version
    assert faults.calls == []
    clock.now = 60
    assert model.current().version == OTHER.version
    faults.clear()
    clock.now = 120
    assert model.current().version == OTHER.version
    assert faults.calls == ["ListObjectsV2"]


def test_a_damaged_champion_is_refused_and_the_last_good_model_goes_on(registry, aws):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    model.current()
    serve(registry, OTHER)
    damage(aws, OTHER.version)
    clock.now = 60
    assert model.current().version == BUNDLE.version
    assert len(model.refused) == 1
    assert serving(registry, clock).current().version == BUNDLE.version, "a new process falls back to it too"
    aws.put(f"models/{OTHER.version}/life.txt", OTHER.files()["life.txt"])
    clock.now = 120
    assert model.current().version == OTHER.version


NEWER_POINTER = {"from a newer program": {"by": "canary"}}
UNREADABLE = (b"", b"\xff", b"[]", b'{"history": ["x"]}', b'{"history": [{"sequence": 1}]}', b'{"history": []}')


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_champion_pointer_that_cannot_be_read_stops_no_model_in_memory(registry, aws, content):
    clock = Clock()
    serve(registry)
    model = serving(registry, clock)
    model.current()
    pointer = aws.objects(CHAMPION_KEY)[CHAMPION_KEY]
    aws.put(CHAMPION_KEY, content)
    clock.now = 60
    assert model.current().version == BUNDLE.version
    assert len(model.refused) == 1, "and it is counted"
    with pytest.raises(NoModelError, match="holds no promotions"):
        serving(registry, clock).current()
    aws.put(CHAMPION_KEY, pointer)
    serve(registry, OTHER)
    clock.now = 120
    assert model.current().version == OTHER.version


def test_fields_of_a_newer_champion_pointer_are_ignored(registry, aws):
    serve(registry)
    pointer = json.loads(aws.objects(CHAMPION_KEY)[CHAMPION_KEY])
    newer = pointer | NEWER_POINTER | {"history": [entry | NEWER_POINTER for entry in pointer["history"]]}
    aws.put(CHAMPION_KEY, json.dumps(newer).encode())
    assert serving(registry, Clock()).current().version == BUNDLE.version


def test_a_model_that_reads_features_which_are_not_computed_is_refused(registry):
    serve(registry)
    stack = FeatureRecipe.of_stack(("temperature",), lengths=("1h", "6h"), hop="1h")
    with pytest.raises(NoModelError, match="not computed here: channels vibration"):
        serving(registry, Clock(), stack=stack).current()
