"""TrainingBackup: all of a run's state comes back, and nothing else is taken for it."""

import keras
import numpy as np
import pytest

import keras_lit
from tests import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained model, and the folder of its backup."""
    folder = tmp_path_factory.mktemp("backup")
    return train(folder, steps=5), folder


def compiled(optimizer=None, seed=0):
    model = tiny.lit_model("Uu", dropout=0.3, seed=seed)
    if optimizer is None:
        # The last save falls between two updates.
        optimizer = keras.optimizers.Adam(1e-2, gradient_accumulation_steps=2)
    model.compile(optimizer, keras_lit.losses.SoftmaxContrastiveLoss())
    return model


def train(folder, steps):
    model = compiled()
    backup = keras_lit.TrainingBackup(folder, every_steps=2)
    assert backup.restore(model) == 0
    saved = []
    save = backup._save
    backup._save = lambda: (saved.append(backup.current_step), save())
    model.fit(tiny.pairs(8 * steps), batch_size=8, callbacks=[backup], verbose=0)
    assert saved == [2, 4, 5]
    return model


def test_weights_state_and_seeds_come_back(run):
    model, folder = run
    other = compiled(seed=1)
    assert keras_lit.TrainingBackup(folder, every_steps=1).restore(other) == 5
    for attribute in ("variables", "optimizer.variables"):
        pairs = []
        for owner in (model, other):
            for name in attribute.split("."):
                owner = getattr(owner, name)
            pairs.append(owner)
        assert len(pairs[0]) == len(pairs[1])
        for mine, restored in zip(*pairs, strict=True):
            np.testing.assert_array_equal(
                keras.ops.convert_to_numpy(mine), keras.ops.convert_to_numpy(restored)
            )
    assert any("seed" in variable.path for variable in other.variables)


def test_another_optimizer_or_a_damaged_file_is_refused(run, tmp_path):
    _, folder = run
    with pytest.raises(ValueError, match="another model or optimizer"):
        keras_lit.TrainingBackup(folder, 1).restore(compiled(keras.optimizers.SGD(0.1)))
    contents = (folder / "backup.zip").read_bytes()
    (tmp_path / "backup.zip").write_bytes(contents[: len(contents) // 2])
    with pytest.raises(ValueError, match="is damaged.*Delete it"):
        keras_lit.TrainingBackup(tmp_path, 1).restore(compiled())
    assert [path.name for path in folder.iterdir()] == ["backup.zip"]


@pytest.mark.parametrize("every_steps", [0, -1, 2.5, None])
def test_every_steps(every_steps, tmp_path):
    with pytest.raises(ValueError, match="`every_steps` must be an integer >= 1"):
        keras_lit.TrainingBackup(tmp_path, every_steps)
