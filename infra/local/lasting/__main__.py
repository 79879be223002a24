"""``python -m infra.local.lasting``: what ``mlops local`` runs."""

import sys

from infra.local.lasting.command import main

sys.exit(main())
