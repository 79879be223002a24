import pytest

from mlops_core.text import printable


@pytest.mark.parametrize("text", ["", "PUMP-A01 61.5 °C", "泵 [/x] <b>", "é"])
def test_text_that_can_be_printed_is_shown_as_it_is(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("a\r\nb", "a\\r\\nb"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\u2066\u200b\ufeff", "\\u2066\\u200b\\ufeff"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_would_act_on_a_terminal_or_page_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_line_breaks_stay_where_they_are_wanted() -> None:
    assert printable("a\n\x07b", keep="\n") == "a\n\\x07b"
