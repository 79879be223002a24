"""``python -m infra.local``: run the whole platform on this machine."""

import sys

from infra.local.run.command import main

sys.exit(main())
