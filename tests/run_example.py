"""The name of an example and its flags -> its module, run as from the shell but in this process."""

import contextlib
import importlib.util
import pathlib

from absl import flags
from absl.testing import flagsaver

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


@contextlib.contextmanager
def loaded_example(name):
    """The module of an example, not run; its flags are there as long as this lasts."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    # The flags of an example must not meet those of the next.
    with flagsaver.flagsaver():
        spec.loader.exec_module(module)
        try:
            yield module
        finally:
            for flag in flags.FLAGS.flags_by_module_dict().get(name, []):
                delattr(flags.FLAGS, flag.name)


def run_example(name, *arguments):
    """Runs an example as from the shell, and returns its module."""
    with loaded_example(name) as module:
        module.main(flags.FLAGS([name, *map(str, arguments)]))
    return module
