"""`python -m identity`: the `identity` command where no script was installed."""

import sys

from identity.wiring import command

if __name__ == "__main__":
    sys.exit(command())
