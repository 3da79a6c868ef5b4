"""`python -m spline_fc` is the program `spline_fc`."""

import sys

from spline_fc.command import main

sys.exit(main())
