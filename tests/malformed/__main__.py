"""Generates malformed inputs, uses each, and tells how it ended.

python -m tests.malformed --count=1000 --seed=7
python -m tests.malformed --seed=7 --only=fits:12

Every case is a sound thing (an array, a frame, a file, a config, ...) with one or two changes that
are drawn by its own seed. It must end in one sentence that names the argument or the file, or be
taken by a documented fallback with the right result, and harm nothing that was there before. Exits
with 1 if any case ends otherwise.
"""

import argparse
import sys

from tests.malformed import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="cases, over all kinds")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", help="one case, KIND:INDEX, or all of one KIND")
    parser.add_argument("--verbose", action="store_true", help="tell every case")
    given = parser.parse_args()
    return run.report(given.count, given.seed, given.only, given.verbose)


if __name__ == "__main__":
    sys.exit(main())
