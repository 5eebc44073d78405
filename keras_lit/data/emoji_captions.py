"""Installed emoji packages -> the TFDS dataset `emoji_captions`: pictures with captions.

One example is one emoji in one of three styles. Nothing is downloaded: pictures and captions
come from the packages of the extra `demo`.

Example:

```python
import tensorflow_datasets as tfds
from keras_lit.data.emoji_captions import EmojiCaptions

builder = EmojiCaptions(data_dir="data")
builder.download_and_prepare()
pictures = builder.as_dataset(split="train+validation")
```
"""

import dataclasses

import numpy as np
import tensorflow_datasets as tfds

from keras_lit.data import emoji_pictures, emoji_sources


@dataclasses.dataclass(kw_only=True)
class EmojiCaptionsConfig(tfds.core.BuilderConfig):
    """Which concepts are held out.

    Attributes:
        salt: String hashed together with a concept's code points to find its split.
    """

    salt: str


class EmojiCaptions(tfds.core.GeneratorBasedBuilder):
    """Pictures of 1,898 emojis in three styles, with captions in 14 languages.

    Splits are by concept: all variants of an emoji (gender, hair, direction) and all its styles
    are in the same one. `test` (one sixth) is never captioned while tuning; `train` and
    `validation` together are the concepts to tune on. Skin tones are left out.

    Each example has

    - `image`: uint8 `(72, 72, 3)`, the emoji on white, cropped to its outline;
    - `style`: `twemoji`, `openmoji_color` or `openmoji_line` (flags have no line drawing);
    - `emoji`, `code_points`: the emoji as characters and as `"1F436"`;
    - `concept`: code points of the concept, the same for all variants;
    - `is_base`: whether it is the concept's first emoji, one per concept and style;
    - `names`, `keywords`: English texts; `translations`: a name per language, `""` if none;
    - `group`, `subgroup`: Unicode's.
    """

    VERSION = tfds.core.Version("1.0.0")
    # Nothing is downloaded, so there are no checksums. Looking for them, TFDS 4.9.10 imports
    # importlib_resources, which it does not declare as its dependency.
    url_infos = None
    BUILDER_CONFIGS = [
        EmojiCaptionsConfig(name=f"salt_{salt}", salt=salt, description=f"Split by salt {salt!r}.")
        for salt in ("f", "l")
    ]

    def _info(self):
        size = emoji_pictures.PICTURE_SIZE
        texts = tfds.features.Sequence(tfds.features.Text())
        return self.dataset_info_from_configs(
            description=self.__doc__ + "\n" + emoji_pictures.ATTRIBUTION,
            license="Twemoji CC-BY-4.0, OpenMoji CC-BY-SA-4.0",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(size, size, 3), encoding_format="png"),
                    "style": tfds.features.ClassLabel(names=emoji_pictures.STYLES),
                    "emoji": tfds.features.Text(),
                    "code_points": tfds.features.Text(),
                    "concept": tfds.features.Text(),
                    "is_base": tfds.features.Scalar(np.bool_),
                    "names": texts,
                    "keywords": texts,
                    "translations": tfds.features.FeaturesDict(
                        {code: tfds.features.Text() for code in emoji_sources.languages()}
                    ),
                    "group": tfds.features.Text(),
                    "subgroup": tfds.features.Text(),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # Nothing to download.
        emojis = {"train": [], "validation": [], "test": []}
        for emoji in emoji_sources.read_emojis():
            split = emoji_sources.split_of(emoji.concept, self.builder_config.salt)
            emojis[split].append(emoji)
        return {split: self._generate_examples(members) for split, members in emojis.items()}

    def _generate_examples(self, emojis):
        concepts = set()
        for emoji in emojis:
            is_base = emoji.concept not in concepts
            concepts.add(emoji.concept)
            for style in emoji_pictures.STYLES:
                if not emoji_pictures.has_picture(emoji.group, style):
                    continue
                yield (
                    f"{emoji.code_points}/{style}",
                    {
                        "image": emoji_pictures.draw_emoji(emoji.code_points, style),
                        "style": style,
                        "emoji": emoji.characters,
                        "code_points": emoji.code_points,
                        "concept": emoji.concept,
                        "is_base": is_base,
                        "names": emoji.names,
                        "keywords": emoji.keywords,
                        "translations": emoji.translations,
                        "group": emoji.group,
                        "subgroup": emoji.subgroup,
                    },
                )
