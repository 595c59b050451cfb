"""Write the JSON schema of a specification file, for editors that complete TOML by a schema.

python3 tools/export_schema.py
"""

import json
from pathlib import Path

from bayes_ihlrt.spec.analysis import json_schema

FILE = Path(__file__).parents[1] / "docs" / "specification.schema.json"


def main() -> None:
    """Write the schema."""
    FILE.write_text(f"{json.dumps(json_schema(), indent=2)}\n", "utf-8")


if __name__ == "__main__":
    main()
