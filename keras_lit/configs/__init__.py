"""Settings of trainings, one file each: `keras-lit train --config=NAME`, or a file of your own.

A file defines `get_config()`, which returns a nested dict of numbers, strings, `None` and tuples of
strings; `keras_lit.training` says what each means. `name` in a dict is that of a class, the other
entries are its arguments.
"""
