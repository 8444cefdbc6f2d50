"""Reading profiles: from YAML files, every mistake named and placed, or from the document of a message."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path as FilePath
from typing import Any, Final

from pydantic import ValidationError

from firmware_profiles.check import check
from firmware_profiles.problems import Problem, ProfileErrors
from firmware_profiles.schema import Profile
from firmware_profiles.variants import Variant, choose, overlapping
from firmware_profiles.wording import describe, drop_tags, is_echo, one_of
from firmware_profiles.yaml12 import Parsed, parse

MODELS: Final = FilePath(__file__).parent / "models"
"""The profiles that come with the program."""


class Catalogue(Mapping[str, Profile]):
    """Profiles by id."""

    def __init__(self, profiles: Mapping[str, Profile]) -> None:
        self._profiles = dict(sorted(profiles.items()))

    def __getitem__(self, key: str) -> Profile:
        return self._profiles[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._profiles)

    def __len__(self) -> int:
        return len(self._profiles)

    def add(self, profile: Profile) -> None:
        """One profile more; one whose id is known already is left as it is. Whoever reads meanwhile sees the
        catalogue before or after."""
        self._profiles = dict(sorted({profile.id: profile, **self._profiles}.items()))

    def find(self, vendor: str, model: str) -> tuple[Profile, ...]:
        """The profiles of a model, by the names that its maker (and Zigbee2MQTT) uses; one for each firmware
        range. Upper and lower case are the same."""
        wanted = (vendor.casefold(), model.casefold())
        return tuple(
            profile
            for profile in self._profiles.values()
            if (profile.vendor.casefold(), profile.model.casefold()) == wanted
        )

    def variant(self, profile_id: str, firmware: str) -> Variant:
        """The profile for a device of this model whose version is `firmware`: the named one, or another of
        the same vendor, model and transport whose range holds the version. Raises KeyError."""
        profile = self._profiles[profile_id]
        others = [
            item
            for item in self.find(profile.vendor, profile.model)
            if item.id != profile_id and item.transport == profile.transport
        ]
        return choose(profile, others, firmware)


def parse_profile(document: Mapping[str, Any], *, file: str = "profile") -> Profile:
    """The profile that a document describes. Raises ProfileErrors with all that is wrong."""
    parsed = Parsed()
    parsed.document = dict(document)
    profile, problems = _validate(parsed, file, placed=False)
    if profile is None or problems:
        raise ProfileErrors(problems)
    return profile


def read_profile(path: FilePath) -> tuple[Profile | None, tuple[Problem, ...]]:
    """The profile of one file, and all that is wrong with it; the profile is None where it can't be used."""
    file = path.as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return None, (Problem(file, (), f"cannot be read: {error}"),)
    parsed = parse(text, file)
    if parsed.document is None:
        return None, tuple(parsed.problems)
    _embed_script(parsed, path)
    profile, problems = _validate(parsed, file, placed=True)
    if profile is not None and profile.id != path.stem:
        line, column = parsed.mark(("id",))
        problems.append(
            Problem(
                file,
                ("id",),
                f"must be the name of the file, {path.stem!r}, got {profile.id!r}",
                line,
                column,
            )
        )
    problems = sorted([*parsed.problems, *problems], key=lambda item: (item.line or 0, item.column or 0))
    return (None if problems else profile), tuple(problems)


def load_catalogue(folder: FilePath | None = None) -> Catalogue:
    """All profiles below a folder (the packaged ones by default). Raises ProfileErrors with all problems of
    all files."""
    profiles: dict[str, Profile] = {}
    problems: list[Problem] = []
    for path in sorted((folder or MODELS).rglob("*.yaml")):
        profile, found = read_profile(path)
        problems.extend(found)
        if profile is None:
            continue
        if profile.id in profiles:
            problems.append(Problem(path.as_posix(), ("id",), f"another file has {profile.id!r} too"))
        profiles[profile.id] = profile
    for first, second in overlapping(profiles.values()):
        what = f"{first.id!r} and {second.id!r} claim the same versions of {first.vendor} {first.model}"
        problems.append(Problem(second.id, ("firmware",), what))
    if problems:
        raise ProfileErrors(problems)
    return Catalogue(profiles)


def _embed_script(parsed: Parsed, path: FilePath) -> None:
    """Put the text of the script that the document names into it; `check` says so where there is none."""
    decode = parsed.document.get("decode") if isinstance(parsed.document, dict) else None
    if not isinstance(decode, dict) or decode.get("kind") != "codec" or "text" in decode:
        return
    name = decode.get("script")
    if isinstance(name, str) and FilePath(name).name == name:
        with suppress(OSError, ValueError):
            decode["text"] = (path.parent / name).read_text(encoding="utf-8-sig")


def _validate(parsed: Parsed, file: str, *, placed: bool) -> tuple[Profile | None, list[Problem]]:
    def problem(path: tuple[str | int, ...], text: str, *, of_key: bool = False) -> Problem:
        line, column = parsed.mark(path, of_key=of_key) if placed else (None, None)
        return Problem(file, path, text, line, column)

    try:
        profile = Profile.model_validate(parsed.document)
    except ValidationError as error:
        found: dict[tuple[str | int, ...], list[str]] = {}
        keys: set[tuple[str | int, ...]] = set()
        for detail in error.errors(include_url=False):
            if is_echo(detail):
                continue
            path = drop_tags(detail["loc"], parsed.document)
            found.setdefault(path, []).append(describe(detail, path, Profile))
            if detail["type"] in ("extra_forbidden", "missing"):
                keys.add(path)
        return None, [problem(path, one_of(texts), of_key=path in keys) for path, texts in found.items()]
    return profile, [problem(path, text) for path, text in check(profile)]
