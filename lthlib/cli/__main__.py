"""`python -m lthlib.cli`, where `lth` is not on the path."""

import sys

from lthlib.cli import main

if __name__ == "__main__":
    sys.exit(main())
