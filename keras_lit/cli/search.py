"""keras-lit search PRESET FOLDER "TEXT": the pictures of a folder that fit a text best.

PRESET is the name or folder of a preset. The pictures in FOLDER and below are embedded once; later
searches with the same preset embed only what is new. Prints the best matches with their cosine
similarity, and draws them into --output.

Examples:
  keras-lit search lit_b16b photos "a red bicycle"
  keras-lit search runs/demo/lit_emoji photos "a red fruit" --num_matches=4 --output=fruit.png
"""

import pathlib

from absl import app, flags

FLAGS = flags.FlagValues()
_NUM_MATCHES = flags.DEFINE_integer(
    "num_matches", 8, "How many pictures to show.", lower_bound=1, flag_values=FLAGS
)
_OUTPUT = flags.DEFINE_string("output", "matches.png", "Picture to write.", flag_values=FLAGS)
_STORE = flags.DEFINE_string(
    "store",
    None,
    "Folder of stored embeddings. Default: models/keras_lit/search under KERAS_HOME.",
    flag_values=FLAGS,
)


def run(arguments):
    """Embeds what is new in the folder, prints and draws the best matches."""
    if len(arguments) != 3 or not arguments[2].strip():
        raise app.UsageError(f'takes PRESET FOLDER "TEXT". Received: {arguments}')
    preset, folder, text = arguments

    import keras_lit
    from keras_lit.evaluation import best_matches, report_figures
    from keras_lit.evaluation.picture_folder import embed_folder
    from keras_lit.preprocessing.pictures import read_images
    from keras_lit.presets.downloads import cache_folder

    if not pathlib.Path(folder).is_dir():
        raise ValueError(f"'{folder}' is no folder.")
    model = keras_lit.LiTModel.from_preset(preset)
    paths, images, broken = embed_folder(model, folder, _STORE.value or cache_folder() / "search")
    (found,), (similarities,) = best_matches(model.encode_texts([text]), images, _NUM_MATCHES.value)
    names = [str(paths[index].relative_to(folder)) for index in found]
    for name, similarity in zip(names, similarities, strict=True):
        print(f"{similarity:6.3f}  {pathlib.Path(folder) / name}")
    pictures = [read_images(paths[index]) for index in found]
    captions = [
        f"{pathlib.Path(name).name[-24:]}  {similarity:.3f}"
        for name, similarity in zip(names, similarities, strict=True)
    ]
    pathlib.Path(_OUTPUT.value).write_bytes(report_figures.draw_matches(text, pictures, captions))
    print(f"Drawn in {_OUTPUT.value}; {len(paths):,} pictures searched.")
    if broken:
        print(f"{len(broken):,} files hold no picture that can be read:")
        for path in sorted(broken)[:5]:
            print(f"  {path}")
