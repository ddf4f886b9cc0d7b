"""`python -m identity`: the `identity` command where no script was installed."""

import sys

from identity.command import main

if __name__ == "__main__":
    sys.exit(main())
