"""`python -m aioresolver`: the command line."""

import sys

from aioresolver.cli.main import main

sys.exit(main())
