"""Text that came from outside, made safe to show: a machine, a file or a colleague chose its characters."""

__all__ = ["printable"]


def printable(text: str, *, keep: str = "") -> str:
    r"""Return `text` with every character that cannot be printed written as its escape (`\x1b`, `\u202e`).

    Control characters move a terminal's cursor or set its title; bidirectional ones make a page show something else
    than it says; line breaks forge further lines of a log. Spaces, and the characters in `keep`, stay.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character in keep else ascii(character)[1:-1] for character in text
    )
