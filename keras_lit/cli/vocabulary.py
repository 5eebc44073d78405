"""keras-lit vocabulary DATA: learn a vocabulary of your captions, for a text tower from scratch.

DATA is tfds:NAME/SPLIT; a .tsv or .csv file with one picture path and its captions per line, or a
.jsonl file of {"image": path, "captions": [...]}; a folder of pictures with .txt files beside them;
'shards/{000..012}.tar' as WebDataset and img2dataset write them; or 'pairs-*.tfrecord'.

Reads all captions, of any languages, but no pictures; tags and addresses are removed first. Writes
WordPiece tokens, one a line, that keras_lit.presets.text_tower and
keras_lit.preprocessing.WordPieceTokenizer take. The same captions give the same file.

Examples:
  keras-lit vocabulary captions.tsv --size=8000 --output=vocabulary.txt
  keras-lit vocabulary 'shards/{00000..00009}.tar' --size=32000 --output=vocabulary.txt
"""

import pathlib

from absl import app, flags

from keras_lit.cli import data_flags

FLAGS = flags.FlagValues()
_SIZE = flags.DEFINE_integer("size", 8000, "Most tokens.", lower_bound=1, flag_values=FLAGS)
_OUTPUT = flags.DEFINE_string("output", "vocabulary.txt", "File to write.", flag_values=FLAGS)
_MIN_FREQUENCY = flags.DEFINE_integer(
    "min_frequency",
    2,
    "How often two pieces must meet to be one.",
    lower_bound=1,
    flag_values=FLAGS,
)
data_flags.define(FLAGS)


def run(arguments):
    """Learns the vocabulary and writes it."""
    if len(arguments) != 1:
        raise app.UsageError(f"takes DATA. Received: {arguments}")
    source = data_flags.open_source(arguments[0], FLAGS)

    from keras_lit.data import CleanCaptions
    from keras_lit.preprocessing import vocabulary_from_captions
    from keras_lit.whole_files import whole_file

    captions = CleanCaptions(source).captions()
    vocabulary = vocabulary_from_captions(captions, _SIZE.value, _MIN_FREQUENCY.value)
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write("".join(f"{token}\n" for token in vocabulary).encode())
    print(f"{len(vocabulary):,} tokens of the captions in {arguments[0]} are in {path}.")
    if len(vocabulary) > _SIZE.value:
        print(f"That is more than --size={_SIZE.value}: all single characters are kept.")
