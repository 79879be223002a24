"""``python -m ops``: the `mlops` command."""

from ops.cli import main

main()
