"""``python -m promotion_ladder.adapters.files --write-schemas``: make config/schema/ anew from the models."""

import argparse
import sys

from promotion_ladder.adapters.files.schemas import folder, write


def main() -> None:
    """Write the schemas and name the files."""
    parser = argparse.ArgumentParser(prog="python -m promotion_ladder.adapters.files", description=__doc__)
    parser.add_argument("--write-schemas", action="store_true", required=True, help="write config/schema/*.json")
    parser.parse_args()
    for file in write(folder()):
        sys.stdout.write(f"{file}\n")


main()
