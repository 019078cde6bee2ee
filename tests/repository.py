"""Where the repository is. (Not in conftest.py: there are several, and each goes by that name.)"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
