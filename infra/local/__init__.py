"""The program on this machine: ``engine`` deploys it to an embedded AWS emulator, ``run`` lives the platform there.

Defines no resource: what exists is decided by ``__main__.py`` and the components in ``infra``.
"""
