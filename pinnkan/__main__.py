"""``python -m pinnkan``: the command ``pinnkan``."""

import sys

from pinnkan.cli import command

sys.exit(command())
