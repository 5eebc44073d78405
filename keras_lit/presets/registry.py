"""Name of a preset -> what it is made of: towers, tokenizer, image size, and where its files are.

Plain data: nothing here loads Keras.
"""

import dataclasses
import difflib

# All files are in public buckets of this server.
ORIGIN = "https://storage.googleapis.com"


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file of a release.

    Attributes:
        path: bucket and path in it, such as `"vit_models/lit/LiT-B16B.npz"`.
        size: string, as its publisher states it, or `None` where that is not known.
        sha256: string of 64 hexadecimal digits, or `None` where none is published.
    """

    path: str
    size: str | None = None
    sha256: str | None = None

    @property
    def name(self):
        """Last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def url(self):
        """Where it is downloaded from."""
        return f"{ORIGIN}/{self.path}"


@dataclasses.dataclass(frozen=True)
class ImageTower:
    """Architecture of an image tower.

    Attributes:
        family: string, a key of `keras_lit.presets.architectures.IMAGE_BACKBONES`.
        variant: string, as `from_variant` of the backbone takes it, such as `"B/16"`.
        resolution: int. Height and width of the images.
        pooling: string, as for `keras_lit.Tower`.
        projection_dim: int or `None`.
    """

    family: str
    variant: str
    resolution: int = 224
    pooling: str = "class_token"
    projection_dim: int | None = None

    def __str__(self):
        return f"{self.family} {self.variant}"


@dataclasses.dataclass(frozen=True)
class TextTower:
    """Architecture of a text tower.

    Attributes:
        family: string, a key of `keras_lit.presets.architectures.TEXT_BACKBONES`.
        variant: string. Name of its size: `"base"` or `"large"` for BERT, else such as `"B"`.
        vocabulary_size: int. Number of token embeddings.
        projection_dim: int.
        max_length: int. Number of tokens of a caption.
    """

    family: str
    variant: str
    vocabulary_size: int
    projection_dim: int
    max_length: int = 16

    def __str__(self):
        return f"{self.family} {self.variant}"


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Vocabulary file of a preset and how its tokenizer reads it.

    Attributes:
        file: `RemoteFile`. A `.txt` is of WordPiece, a `.model` of SentencePiece.
        options: tuple of (argument of the tokenizer, value).
        num_unused: int. Entries at its end for which the text tower has no embedding.
    """

    file: RemoteFile
    options: tuple = ()
    num_unused: int = 0


@dataclasses.dataclass(frozen=True)
class Preset:
    """One published model.

    Attributes:
        name: string, for `from_preset`.
        weights: `RemoteFile`, an `.npz` of the original code.
        image_tower: `ImageTower`.
        text_tower: `TextTower`, or `None`: the preset is a single image tower.
        vocabulary: `Vocabulary`, or `None`.
        num_parameters: int.
        embedding_dim: int.
        has_bias: bool. Whether the model adds a bias to its logits (trained with a sigmoid loss).
        zero_shot: float, the reported top-1 accuracy on ImageNet in per cent without training on
            it, or `None` where none is reported.
    """

    name: str
    weights: RemoteFile
    image_tower: ImageTower
    num_parameters: int
    embedding_dim: int
    text_tower: TextTower | None = None
    vocabulary: Vocabulary | None = None
    has_bias: bool = False
    zero_shot: float | None = None

    @property
    def model_class(self):
        """Name of the class that `from_preset` is called on."""
        return "Tower" if self.text_tower is None else "LiTModel"

    @property
    def files(self):
        """All `RemoteFile`s of the preset."""
        return [self.weights] + ([self.vocabulary.file] if self.vocabulary else [])


_PRESETS = {}


def add_presets(presets):
    """Adds presets to the registry; names must be new."""
    for preset in presets:
        if preset.name in _PRESETS:
            raise ValueError(f"There is a preset '{preset.name}' already.")
        _PRESETS[preset.name] = preset


def all_presets():
    """Returns the list of all `Preset`s."""
    return list(_PRESETS.values())


def find_preset(name):
    """Returns the `Preset` of a name, or `None`."""
    return _PRESETS.get(name)


def get_preset(name):
    """Returns the `Preset` of a name.

    Raises:
        ValueError: there is none.
    """
    if name not in _PRESETS:
        close = difflib.get_close_matches(str(name), _PRESETS, n=3)
        hint = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise ValueError(
            f"There is no published preset {name!r}.{hint} `keras_lit.list_presets()` lists all."
        )
    return _PRESETS[name]
