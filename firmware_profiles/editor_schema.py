"""The JSON Schema of profiles, for editors. `python -m firmware_profiles.editor_schema` writes it anew."""

import json
from pathlib import Path
from typing import Final

from firmware_profiles.schema import Profile

FILE: Final = Path(__file__).parent / "profile.schema.json"


def editor_schema() -> str:
    """The schema as the text of its file."""
    schema = Profile.model_json_schema(by_alias=True, mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Sunwell device profile"
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(editor_schema(), encoding="utf-8")
