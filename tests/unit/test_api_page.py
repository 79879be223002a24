"""The page of public names: made from the code as it is, complete, typed and in words."""

import builtins
import inspect
import re

import pytest

import mlops_core
from docs import generate_api

PAGE = generate_api.render()
ENTRIES = dict(re.findall(r"^### `(\w+)`\n\n(.*?)(?=^##|\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))
FUNCTIONS = [name for name in mlops_core.__all__ if inspect.isfunction(getattr(mlops_core, name))]


def test_the_page_in_git_is_what_the_code_says_now():
    assert generate_api.PAGE.read_text() == PAGE, "run: python -m docs.generate_api"


def test_every_public_name_has_one_entry():
    assert sorted(ENTRIES) == sorted(mlops_core.__all__)


@pytest.mark.parametrize("name", mlops_core.__all__)
def test_every_entry_says_more_than_its_signature(name):
    words = re.sub(
        r"```.*?```|^\|.*?$|^Holds .*?$|^Error, a kind of .*?$", "", ENTRIES[name], flags=re.DOTALL | re.MULTILINE
    )
    assert len(words.split()) >= 3


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_is_typed(name):
    signature = inspect.signature(getattr(mlops_core, name))
    assert signature.return_annotation is not inspect.Signature.empty
    for parameter in signature.parameters.values():
        assert parameter.annotation is not inspect.Parameter.empty


@pytest.mark.parametrize("name", mlops_core.__all__)
def test_every_error_that_an_entry_names_can_be_caught_from_the_root(name):
    named = set(re.findall(r"(?<![\w.])\w+Error\b", ENTRIES[name]))
    assert named - set(dir(builtins)) <= set(mlops_core.__all__)


def test_the_page_does_not_depend_on_where_things_live_or_on_this_run():
    signatures = "".join(re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL))
    assert not re.search(r" at 0x|mlops_core\.|polars\.|datetime\.datetime|mappingproxy", signatures)


def test_a_public_name_without_a_topic_is_refused(monkeypatch):
    without = {topic: names for topic, names in generate_api.TOPICS.items() if topic != "Labels"}
    monkeypatch.setattr(generate_api, "TOPICS", without)
    with pytest.raises(generate_api.UngroupedNamesError, match="label_features"):
        generate_api.render()
