"""The options of a command that say what a file holds, and its errors in the options' words."""

import re
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager

from mlops_core.errors import InvalidArgumentError, UnreadableFileError
from mlops_core.files import LayoutOptions
from ops.errors import OpsError, OptionError

_OPTIONS = {"machine_names": "--machine-name", "channel_names": "--channel"}


class HistoryUnreadableError(OpsError):
    """The file is no CSV or Parquet file of the form that the options describe."""


def parse_pairs(options: Iterable[str], name: str, form: str) -> dict[str, str]:
    """``A=B`` as a pair, each; the last equals sign divides, for a column's name may hold one."""
    pairs: dict[str, str] = {}
    for option in options:
        word, divider, meant = option.rpartition("=")
        if not divider or not word or not meant:
            raise OptionError(f"{name} {option!r} is not of the form {form}.", f"Write {name} {form}.")
        if word in pairs:
            raise OptionError(f"{name} names {word!r} twice.", "Name it once.")
        pairs[word] = meant
    return pairs


@contextmanager
def options_of(layout: LayoutOptions) -> Generator[None]:
    """Say what the library says of its arguments in the words of the options that they came from."""
    try:
        yield
    except InvalidArgumentError as error:
        raise OptionError(f"{_in_options(error.message, layout)}.", _in_options(error.hint, layout)) from None
    except UnreadableFileError as error:
        raise HistoryUnreadableError(f"{error.message}.", _in_options(error.hint, layout)) from None


def _in_options(text: str, layout: Mapping[str, object]) -> str:
    for name in layout:
        option = _OPTIONS.get(name, f"--{name.replace('_', '-')}")
        # A word of one part, such as `machine`, is an argument only where a value follows it.
        text = re.sub(rf"\b{name}=None: ", f"{option}: ", text)
        text = re.sub(rf"\b{name}=", f"{option} ", text)
        if "_" in name:
            text = re.sub(rf"\b{name}\b", option, text)
    return text
