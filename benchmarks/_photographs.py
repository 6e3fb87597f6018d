"""The sets of docs/photographs.md, for whoever has them."""

import sys
from pathlib import Path

# By name, relative to the folder that holds them all.
SETS = {
    "world": "asl-world200",
    "phone": "asl-phone224/test",
    "kaggle": "asl-kaggle64/train",
    "phone-train": "asl-phone224/train",
}


def sets_in(photos: Path | None) -> dict[str, Path]:
    """Folders by the name of their set; empty for None. A folder without any of the sets ends the program."""
    if photos is None:
        return {}
    found = {name: photos / path for name, path in SETS.items() if (photos / path).is_dir()}
    if not found:
        sys.exit(f"{photos} holds none of {', '.join(SETS.values())}: name the folder of the sets, or leave it out")
    return found
