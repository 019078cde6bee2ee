"""`python -m storyteller_grading.judge.sandbox`: which layers hold, as JSON; `storyteller doctor` reads it."""

import json
import sys

from storyteller_grading.judge.sandbox.probe import NAMES, examine

if __name__ == "__main__":
    examined = examine(sys.argv[1:] or NAMES)
    json.dump({"reasons": examined.reasons, "hold": examined.layers.hold}, sys.stdout)
