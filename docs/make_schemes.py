"""Write the table of schemes into its page: ``python docs/make_schemes.py``."""

from __future__ import annotations

import re
from pathlib import Path

from fokkerplanck.sampling import schemes

PAGE = Path(__file__).parent / "howto" / "schemes.md"
PLACE = re.compile(r"(<!-- schemes: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)


def written(text: str) -> str:
    """The page with the table as it is now."""
    return PLACE.sub(lambda found: f"{found[1]}\n{schemes.table()}\n{found[2]}", text)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
