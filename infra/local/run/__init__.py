"""The laptop run: the stack deployed to the emulator, and the pipeline exercised there. ``make local`` is this."""
