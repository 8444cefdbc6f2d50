"""The device models that Sunwell knows: the list, and one profile with a box to decode a payload."""
