"""Everything that the documentation tells people to type: it runs."""

import ast
import doctest
import importlib
import pathlib
import pkgutil
import re
import shlex
import subprocess

import numpy as np
import pytest
from absl import flags

import keras_lit
from keras_lit.cli import main
from tests.run_example import EXAMPLES, loaded_example

ROOT = pathlib.Path(keras_lit.__file__).parent.parent
README = (ROOT / "README.md").read_text()
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(keras_lit.__path__, "keras_lit.")
    if not module.name.startswith("keras_lit.distribution._")
)


def code_blocks(text, language):
    pattern = rf"^( *)```{language}\n(.*?)^ *```"
    for match in re.finditer(pattern, text, re.MULTILINE | re.DOTALL):
        lines = match.group(2).splitlines()
        yield "\n".join(line.removeprefix(match.group(1)) for line in lines)


def docstrings(name):
    """Yields (line, docstring) of a module, its classes and its functions."""
    module = importlib.import_module(name)
    tree = ast.parse(pathlib.Path(module.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "name", name), text


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for owner, text in docstrings(name):
        for block in code_blocks(text, "python"):
            exec(compile(block, f"{name}.{owner}", "exec"), {"keras_lit": keras_lit, "np": np})
    module = importlib.import_module(name)
    names = {"keras_lit": keras_lit, "np": np, **vars(module)}
    failed, _ = doctest.testmod(module, extraglobs=names)
    assert not failed


def flag_names(command):
    """Returns the flags of a command: `["--config", "--cache"]`."""
    return re.findall(r"--[\w.]+", command)


def test_readme_python_runs(demo_folder, tmp_path, monkeypatch):
    """All blocks in one process, in a folder with a table of captions and a demo run."""
    from PIL import Image

    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "demo").symlink_to(demo_folder)
    (tmp_path / "photos").mkdir()
    with np.load(demo_folder / "answers.npz") as answers:
        rows = list(zip(answers["images"][:64], answers["texts"][:64], strict=True))
    lines = ["path\tcaption"]
    for number, (picture, text) in enumerate(rows):
        Image.fromarray(picture).save(tmp_path / "photos" / f"{number}.png")
        lines.append(f"photos/{number}.png\t{text}")
    (tmp_path / "captions.tsv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    namespace = {}
    blocks = list(code_blocks(README, "python"))
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), namespace)


def test_readme_commands_exist(capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    commands = [
        line.partition("#")[0].strip()
        for block in code_blocks(README, "sh")
        for line in block.splitlines()
        if line.strip()
    ]
    assert {"make demo", "make test"} <= set(commands)
    for command in commands:
        words = [word for word in shlex.split(command) if "=" not in word or word.startswith("-")]
        if words[0] == "make":
            subprocess.run(["make", "--dry-run", *words[1:]], cwd=ROOT, check=True)
        elif words[0] == "keras-lit":
            with pytest.raises(SystemExit, match="0"):
                main.run([*words[:2], "--help"])
            screen = capsys.readouterr().out
            assert all(flag in screen for flag in flag_names(command) if "." not in flag), command
        elif words[0] == "python":
            with loaded_example(pathlib.Path(words[1]).stem):
                assert all(flag[2:] in flags.FLAGS for flag in flag_names(command)), command
        else:
            assert words[0] in ("git", "cd", "pip"), command


def test_readme_links_lead_somewhere():
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
