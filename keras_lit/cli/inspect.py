"""keras-lit inspect DATA: what is in a data set, before anything is trained on it.

DATA is tfds:NAME/SPLIT; a .tsv or .csv file with one picture path and its captions per line, or a
.jsonl file of {"image": path, "captions": [...]}; a folder of pictures with .txt files beside them;
'shards/{000..012}.tar' as WebDataset and img2dataset write them; or 'pairs-*.tfrecord'.

Reads all of it once and prints counts, sizes, lengths of the captions, which pictures come more
than once, and what share is broken, by reason. With --contact_sheet, some of the pictures are drawn
with their captions (needs the extra: pip install 'keras-lit[demo]').

Examples:
  keras-lit inspect captions.tsv
  keras-lit inspect 'shards/{00000..00009}.tar' --contact_sheet=pictures.png
  keras-lit inspect tfds:coco_captions/validation --max_records=1000
"""

from absl import app, flags

from keras_lit.cli import data_flags

FLAGS = flags.FlagValues()
_CONTACT_SHEET = flags.DEFINE_string(
    "contact_sheet", None, "PNG file to draw some pictures into.", flag_values=FLAGS
)
_NUM_SAMPLES = flags.DEFINE_integer(
    "num_samples", 24, "How many to draw.", lower_bound=1, flag_values=FLAGS
)
_MAX_RECORDS = flags.DEFINE_integer(
    "max_records", None, "Look at the first ones only.", lower_bound=1, flag_values=FLAGS
)
data_flags.define(FLAGS)


def run(arguments):
    """Inspects, and prints what there is."""
    if len(arguments) != 1:
        raise app.UsageError(f"takes DATA. Received: {arguments}")
    if _CONTACT_SHEET.value and not _CONTACT_SHEET.value.endswith(".png"):
        raise app.UsageError(f"--contact_sheet must end in .png. Received: {_CONTACT_SHEET.value}")
    source = data_flags.open_source(arguments[0], FLAGS)

    from keras_lit.data import contact_sheet, inspection

    if _CONTACT_SHEET.value:
        contact_sheet.check_installed()  # Before an hour of reading, not after.
    found = inspection.inspect_source(source, _NUM_SAMPLES.value, _MAX_RECORDS.value)
    print(found)
    if _CONTACT_SHEET.value:
        contact_sheet.draw_contact_sheet(found.samples, _CONTACT_SHEET.value)
        print(f"Some of the pictures: {_CONTACT_SHEET.value}")
