"""Tags of every resource of the stack: what AWS takes of those that a company asks for, and which are ours.

The rules of all services together: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html.
IAM tells keys apart without regard to case: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html.
"""

from collections.abc import Mapping
from typing import Annotated, Final, cast

import pulumi
from pydantic import AfterValidator, BeforeValidator, Field

from infra.setting_types import as_text

_MOST_TAGS: Final = 50
_OURS: Final = ("Project", "Stack", "Owner")
_RESERVED: Final = "aws:"
_CHARACTERS: Final = r"\p{L}\p{Z}\p{N}_.:/=+\-@"

TagKey = Annotated[str, Field(pattern=rf"^[{_CHARACTERS}]+$", max_length=128)]
TagValue = Annotated[str, Field(pattern=rf"^[{_CHARACTERS}]*$", max_length=256)]


def _as_texts(given: object) -> object:
    """Numbers and truth values as texts: `pulumi config set --path tags.CostCenter 4711` writes a number."""
    if not isinstance(given, dict):
        return given
    values = cast("dict[object, object]", given).items()
    return {key: as_text(value) for key, value in values}


def _checked(tags: dict[str, str]) -> dict[str, str]:
    if reserved := sorted(key for key in tags if key.lower().startswith(_RESERVED)):
        raise ValueError(f"{', '.join(reserved)}: AWS keeps the prefix {_RESERVED} for itself")
    keys = [key.lower() for key in tags]
    if twice := sorted(key for key in tags if keys.count(key.lower()) > 1):
        raise ValueError(f"{' and '.join(twice)} are one key to IAM, which ignores case")
    if (count := len(default_tags("", tags))) > _MOST_TAGS:
        raise ValueError(f"{count} tags with ours ({', '.join(_OURS)}), and a resource holds {_MOST_TAGS}")
    return tags


Tags = Annotated[dict[TagKey, TagValue], BeforeValidator(_as_texts), AfterValidator(_checked)]


def default_tags(owner: str, extra: Mapping[str, str]) -> dict[str, str]:
    """Tags of every resource of the stack; `extra` wins over ours, whatever its case."""
    ours = dict(zip(_OURS, (pulumi.get_project(), pulumi.get_stack(), owner), strict=True))
    given = {key.lower() for key in extra}
    return {key: value for key, value in ours.items() if key.lower() not in given} | dict(extra)
