"""A command line -> one verb's `run`: exit code 0 done, 1 failed, 2 wrong usage."""

import importlib
import sys

from absl import app, flags

import keras_lit

# What each verb does; its module keras_lit/cli/VERB.py defines `FLAGS`, its own, and
# `run(arguments)`.
VERBS = {
    "classify": "say which of some classes pictures show",
    "convert": "turn a checkpoint of the original code into a preset",
    "demo": "tune a text tower onto a locked image tower on emojis, and report what it can do",
    "embed": "read every image once, to tune on stored embeddings",
    "evaluate": "measure a preset on benchmarks, and report it beside the published figures",
    "inspect": "look at pictures and captions before they are used",
    "search": "find the pictures of a folder that fit a text",
    "train": "tune a model as a config file says, on pictures or on stored embeddings",
    "vocabulary": "learn a vocabulary of captions, for a text tower from scratch",
}


def run(argv=None):
    """Runs the command line; the entry point of `keras-lit`."""
    argv = sys.argv if argv is None else argv
    if len(argv) > 1 and argv[1] in VERBS:
        sys.exit(_run_verb(argv[1], argv[2:]))
    asked = len(argv) > 1 and argv[1] in ("-h", "--help", "help")
    if len(argv) > 1 and argv[1] == "--version":
        print(keras_lit.__version__)
        sys.exit(0)
    if len(argv) > 1 and not asked:
        print(f"keras-lit: unknown verb '{argv[1]}'.\n", file=sys.stderr)
    lines = "\n".join(f"  {verb:10s} {purpose}" for verb, purpose in VERBS.items())
    text = f"usage: keras-lit VERB [flags]\n\n{lines}\n\n`keras-lit VERB --help` explains one."
    print(text, file=sys.stdout if asked else sys.stderr)
    sys.exit(0 if asked else 2)


def _run_verb(verb, arguments):
    module = importlib.import_module(f"keras_lit.cli.{verb}")
    if any(argument in ("-h", "--help", "-help") for argument in arguments):
        print(module.__doc__.strip())
        print("\nFlags:")
        print(module.FLAGS.module_help(module.__name__).partition("\n")[2])
        return 0
    for name in module.FLAGS:
        module.FLAGS[name].unparse()  # what an earlier call in this process left
    try:
        rest = module.FLAGS([f"keras-lit {verb}", *arguments])[1:]
        return module.run(rest) or 0
    except (flags.Error, app.UsageError) as error:
        print(
            f"keras-lit {verb}: {error}\n`keras-lit {verb} --help` lists the flags.",
            file=sys.stderr,
        )
        return 2
    except (ValueError, OSError, ImportError, NotImplementedError, FloatingPointError) as error:
        print(f"keras-lit {verb}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nkeras-lit {verb}: stopped. The same command goes on from here.", file=sys.stderr)
        return 1
