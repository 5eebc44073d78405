"""Registry -> docs/presets.md: `python -m keras_lit.presets.page > docs/presets.md`."""

from keras_lit.presets import all_presets
from keras_lit.presets.listing import HEADER, rows

_TEXT = """\
# Presets

<!-- Written by `python -m keras_lit.presets.page`; do not edit. -->

```python
import keras_lit

model = keras_lit.LiTModel.from_preset("lit_b16b")            # two towers, tokenizer, preprocessing
tower = keras_lit.Tower.from_preset("vit_b16_augreg_i21k")    # an image tower alone
keras_lit.list_presets()                                      # this table
```

The first use downloads the files of the original release, converts them once into
`models/keras_lit/NAME` under `KERAS_HOME` (by default `~/.keras`), and every later use reads that
folder. What was interrupted starts again, and several processes may ask at once. Afterwards,
`models/keras_lit/downloads` may be deleted.

Without a network, put the files named below, with their bucket as first folder, under
`models/keras_lit/downloads`, e.g. `models/keras_lit/downloads/vit_models/lit/LiT-B16B.npz`; each is
at `https://storage.googleapis.com/` plus its path. Or convert a file anywhere:
`keras-lit convert LiT-B16B.npz my_lit --config=lit_b16b`. `load_weights=False` needs no file: it
gives the architecture with new weights, without a tokenizer.

Accuracies are those that the releases report, in per cent of ImageNet's validation images; they
were not measured with this code. The releases publish no checksums.
"""


def page():
    """Returns the text of the page."""
    sections = (
        ("LiT and SigLIP: two towers", [p for p in all_presets() if p.text_tower]),
        ("Image towers", [p for p in all_presets() if not p.text_tower]),
    )
    text = _TEXT
    for title, presets in sections:
        files = [", ".join(_link(file) for file in preset.files) for preset in presets]
        table = [
            (f"`{row[0]}`", *row[1:-1], file)
            for row, file in zip(rows(presets), files, strict=True)
        ]
        header = (*HEADER[:-1], "files")
        text += f"\n## {title}\n\n"
        text += "".join(
            f"| {' | '.join(row)} |\n" for row in [header, ("---",) * len(header), *table]
        )
    return text


def _link(file):
    return f"`{file.path}`" + (f" ({file.size})" if file.size else "")


if __name__ == "__main__":
    print(page(), end="")
