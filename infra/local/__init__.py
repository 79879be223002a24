"""The laptop run: an embedded AWS emulator, the real Pulumi program deployed to it, and the pipeline exercised there.

Defines no resource: what exists is decided by ``__main__.py`` and the components in ``infra``.
"""
