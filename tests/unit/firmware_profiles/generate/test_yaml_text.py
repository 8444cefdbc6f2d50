"""The file's text reads back as the same document, whatever its texts look like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_profiles import load_catalogue
from firmware_profiles.generate.yaml_text import yaml_text
from firmware_profiles.yaml12 import parse

CATALOGUE = load_catalogue()


@pytest.mark.parametrize("profile_id", list(CATALOGUE))
def test_every_packaged_profile_survives(profile_id: str) -> None:
    document = CATALOGUE[profile_id].document()
    parsed = parse(yaml_text(document, {"points": "what it says\nin two lines"}), "x")
    assert not parsed.problems
    assert parsed.document == document


@given(
    st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("NnOoYy01e.:#x- "), max_size=12)
)
def test_no_text_becomes_anything_else(text: str) -> None:
    document = {"model": text, "points": {"a": {"name": text, "values": {text or "x": [text, 1, True]}}}}
    parsed = parse(yaml_text(document), "x")
    assert parsed.document == document
