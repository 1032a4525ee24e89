"""``python -m pinnkan``: the command ``pinnkan``."""

import sys

from pinnkan.cli import main

sys.exit(main())
