"""`--config=NAME --config.batch_size=64` -> a nested dict of settings, single values replaced.

Like `config_flags` of the package ml_collections, which big_vision uses. That one looks for values
to replace in `sys.argv`, whatever it is given to parse, and answers an unknown name with a
traceback; as flags of absl they are checked, suggested and reported like all others.
"""

import ast
import pathlib
import runpy

from absl import flags

from keras_lit import configs

flags.disclaim_key_flags()  # `--help` of a verb lists `--config` as its own.

_FOLDER = pathlib.Path(configs.__file__).parent


def load_config(name):
    """Returns what `get_config()` of a file returns.

    Args:
        name: String, a file of `keras_lit.configs` without `.py`, or the path of another file.

    Raises:
        ValueError: If there is no such file, or it has no `get_config`.
    """
    path = pathlib.Path(name)
    if path.suffix != ".py":
        path = _FOLDER / f"{name}.py"
    elif not path.is_file() and (_FOLDER / path.name).is_file():
        path = _FOLDER / path.name
    if not path.is_file():
        known = sorted(path.stem for path in _FOLDER.glob("[a-z]*.py"))
        raise ValueError(f"must be a .py file, or one of {', '.join(known)}. Received: {name}")
    get_config = runpy.run_path(str(path)).get("get_config")
    if get_config is None:
        raise ValueError(f"names {path}, which does not define `get_config()`.")
    return get_config()


class ConfigFlags(flags.FlagValues):
    """Flags of absl among which are the values of the file that `--config` names.

    A value is replaced by one of its type or `None`, and `None` by any; a tuple by strings with
    commas between.

    Example:

    ```python
    from keras_lit.cli.config_flags import ConfigFlags

    flag_values = ConfigFlags()
    flag_values.define_config()
    flag_values(["program", "--config=emoji_tiny", "--config.schedule.learning_rate=1e-3"])
    flag_values.read_config()["schedule"]["learning_rate"]  # 0.001
    ```
    """

    def define_config(self):
        """Adds the flag `--config`."""
        help_text = "Settings: the path of a file that defines `get_config()`, or its name."
        flags.DEFINE_string("config", None, help_text, flag_values=self)

    def __call__(self, argv, known_only=False):
        for name in list(self):
            if name.startswith("config."):
                delattr(self, name)
        super().__call__(argv, known_only=True)
        if self["config"].value is not None:
            try:
                values = _flatten(load_config(self["config"].value))
            except ValueError as error:
                raise flags.IllegalFlagValueError(f"--config {error}") from error
            for path, value in values.items():
                flags.DEFINE(_ValueParser(value), f"config.{path}", value, "", flag_values=self)
        return super().__call__(argv, known_only)

    def read_config(self):
        """Returns the nested dict of settings."""
        config = {}
        for path in (name for name in self if name.startswith("config.")):
            *groups, key = path.removeprefix("config.").split(".")
            inner = config
            for group in groups:
                inner = inner.setdefault(group, {})
            inner[key] = self[path].value
        return config


def _flatten(config, prefix=""):
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    values = {}
    for key, value in config.items():
        if isinstance(value, dict):
            values |= _flatten(value, f"{prefix}{key}.")
        else:
            values[prefix + key] = value
    return values


class _ValueParser(flags.ArgumentParser):
    """A string of the shell -> a value of the type that the file has in its place."""

    def __init__(self, default):
        self._default = default
        self._type = type(default)

    def parse(self, argument):
        if argument == "None":
            return None
        if not isinstance(argument, str) or self._type is str:
            return argument
        if self._type is tuple:
            return tuple(part for part in argument.split(",") if part)
        try:
            value = ast.literal_eval(argument)
        except (SyntaxError, ValueError):
            value = argument
        if self._type is float and type(value) is int:
            value = float(value)
        if None not in (value, self._default) and type(value) is not self._type:
            raise ValueError(f"must be of type {self._type.__name__}")
        return value

    def flag_type(self):
        return self._type.__name__
