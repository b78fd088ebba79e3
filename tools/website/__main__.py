"""`python -m tools.website`."""

import sys

from tools.website import main

sys.exit(main())
