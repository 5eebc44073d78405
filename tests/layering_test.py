"""The package's rules about itself: who imports whom, who knows backends, how light imports are."""

import ast
import pathlib
import subprocess
import sys

import pytest

import keras_lit

pytestmark = pytest.mark.any_backend

ROOT = pathlib.Path(keras_lit.__file__).parent
RANKS = {
    "distribution": 0,
    "fit_logs": 0,
    "preset_names": 0,
    "whole_files": 0,
    "layers": 1,
    "losses": 1,
    "optimizers": 1,
    "preprocessing": 1,
    "micro_batches": 1,
    "backbones": 2,
    "tuning": 2,
    "backbone_inputs": 3,
    "towers": 3,
    "dual_encoder": 4,
    "tuned_encoder": 4,
    "lit_model": 4,
    "training_backup": 5,
    "stop_on_nan": 5,
    "data": 5,
    "evaluation": 5,
    "checkpoints": 5,
    "presets": 6,
    "configs": 0,
    "training": 7,
    "demo": 7,
    "cli": 8,
}
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))


def part_of(path):
    """The part of the package that a file belongs to: its folder, or the module itself."""
    return path.parts[0].removesuffix(".py")


def imported_modules(path):
    """Dotted names that a file imports anywhere, inside functions too."""
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_part_has_a_rank():
    assert {part_of(path) for path in FILES} - {"__init__"} <= set(RANKS)


@pytest.mark.parametrize("path", FILES, ids=str)
def test_imports_run_one_way(path):
    part = part_of(path)
    if part == "__init__":
        return
    for name in imported_modules(path):
        package, _, rest = name.partition(".")
        imported = rest.partition(".")[0]
        if package == "keras_lit" and imported in RANKS and imported != part:
            assert RANKS[imported] <= RANKS[part], f"{path} must not import {name}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_only_distribution_knows_backends(path):
    part = part_of(path)
    packages = {name.partition(".")[0] for name in imported_modules(path)}
    if part != "distribution":
        assert not packages & {"jax", "torch"}, path
        assert "config.backend()" not in (ROOT / path).read_text(), path
    if part not in ("distribution", "data", "preprocessing"):
        assert "tensorflow" not in packages, path


@pytest.mark.parametrize("path", FILES, ids=str)
def test_files_are_short_and_say_what_they_do(path):
    text = (ROOT / path).read_text()
    assert len(text.splitlines()) <= 325, f"{path} is too long"
    assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"


def test_importing_the_package_is_light():
    script = (
        "import sys, keras_lit; dir(keras_lit); heavy = {'tensorflow', 'keras_hub', 'keras', "
        "'tensorflow_datasets', 'jax', 'torch'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_every_public_name_loads():
    for name in keras_lit.__all__:
        getattr(keras_lit, name)
    with pytest.raises(AttributeError, match="no_such_name"):
        keras_lit.no_such_name  # noqa: B018
