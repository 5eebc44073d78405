"""DATA on a command line -> a source; the flags that go with it, for every verb that reads data."""

from absl import app, flags

flags.disclaim_key_flags()  # `--help` of a verb lists them as its own.


def define(flag_values):
    """Adds the flags `image_feature` and `caption_feature` to those of a verb."""
    flags.DEFINE_string(
        "image_feature",
        None,
        "Feature of TFDS or TFRecords with the image; 'image' by default.",
        flag_values=flag_values,
    )
    flags.DEFINE_string(
        "caption_feature",
        None,
        "Feature of TFDS or TFRecords with the captions, or several, with commas between; "
        "'captions/text' or 'caption' by default.",
        flag_values=flag_values,
    )


def open_source(data, flag_values):
    """Returns the `keras_lit.data.Source` of DATA.

    Raises:
        app.UsageError: If DATA is of no known form.
        ValueError: If it cannot be opened.
    """
    from keras_lit.data import data_spec

    try:
        data_spec.kind_of_data(data)
    except ValueError as error:
        raise app.UsageError(f"DATA {error}") from error
    return data_spec.open_source(
        data, flag_values["image_feature"].value, flag_values["caption_feature"].value
    )
