"""Which columns of a table name the picture and hold its captions, for layouts that are common."""

import dataclasses
import urllib.parse

_YFCC100M_COLUMNS = (
    "photoid uid unickname datetaken dateuploaded capturedevice title description usertags "
    "machinetags longitude latitude accuracy pageurl downloadurl licensename licenseurl serverid "
    "farmid secret secretoriginal ext marker"
).split()


@dataclasses.dataclass(frozen=True)
class TableLayout:
    """Columns of a table with names, where it is not a path and captions alone.

    Attributes:
        image: String, how the columns make a picture's path, e.g. `"{file}"`,
            `"pictures/{photoid}.{ext}"`.
        captions: Tuple of names of columns; one may hold a list in a `.jsonl` file.
        columns: Tuple of the names of all columns. `None`: the first line has them. Lines of a
            `.jsonl` file name their own.
        decode_text: Function from a caption as it is written to the caption.

    Example:

    ```python
    import pathlib

    import keras
    import keras_lit
    import numpy as np

    keras.utils.save_img("7.png", np.zeros((8, 8, 3)), scale=False)
    pathlib.Path("table.csv").write_text("id,license,caption\\n7,CC-BY,a black square\\n")
    layout = keras_lit.data.TableLayout("{id}.png", ("caption",))
    table = keras_lit.data.ImageTable("table.csv", layout)
    for batch in table.pairs(batch_size=1):
        print(batch["captions"])  # [[b"a black square"]]
    print(list(table.column("license")))  # ["CC-BY"]
    ```
    """

    image: str
    captions: tuple[str, ...]
    columns: tuple[str, ...] | None = None
    decode_text: type(str.strip) = str


YFCC100M = TableLayout(
    image="{photoid}.{ext}",
    captions=("title", "description"),
    columns=tuple(_YFCC100M_COLUMNS),
    # Texts are encoded as in URLs, with `+` for a space.
    decode_text=urllib.parse.unquote_plus,
)
"""The files `yfcc100m_dataset-*` of YFCC100M, tab-separated, renamed to `.tsv`.

Pictures lie beside the file as PHOTOID.EXT. `marker` is 1 for videos: leave those lines out.
`licensename` and `licenseurl` give each photo's Creative Commons licence, `uid`, `unickname` and
`pageurl` the author to name; `ImageTable.column` reads them. `usertags` are no sentences, but add
captions: `dataclasses.replace(YFCC100M, captions=("title", "description", "usertags"))`.
"""

CC12M = TableLayout(image="{path}", captions=("caption",), columns=("path", "caption"))
"""The file `cc12m.tsv` of Conceptual 12M, whose URLs have been replaced by paths of the pictures.

It has no licence column: the captions may be used freely if Google LLC is acknowledged, and each
picture keeps the licence of the site that it comes from. `<PERSON>` stands for names: see
`CleanCaptions`. As img2dataset downloads it, take `TarShards`.
"""
