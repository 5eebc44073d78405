"""T5 and mT5 of Hugging Face: features equal to those of transformers, shards, clear errors.

The fixtures were made by transformers 5.24: `MT5ForConditionalGeneration` and
`T5ForConditionalGeneration(feed_forward_proj="relu")` of the sizes in their `config.json`, every
parameter drawn by `np.random.default_rng(0).normal(0, 0.4)` in the order of `parameters()`, written
by `save_pretrained`; `expected.npz` holds 2 x 16 token ids, the first row padded after 9, and the
`last_hidden_state` of the encoder.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest
import safetensors.numpy

import keras_lit
from keras_lit.checkpoints.hugging_face_t5 import read_tensors
from keras_lit.presets import text_tower
from tests.presets.t5_pieces import CAPTIONS, t5_pieces

# keras-hub's T5 drops the mask of Keras, and passes its own; it leaves SentencePiece files open.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO"),
]
FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures" / "hugging_face"


def folder_of(name, path):
    """Copies a fixture, and adds a vocabulary, as the published models have one."""
    shutil.copytree(FIXTURES / name, path, dirs_exist_ok=True)
    (path / "spiece.model").write_bytes(t5_pieces())
    return str(path)


@pytest.mark.parametrize("name", ["mt5", pytest.param("t5", marks=pytest.mark.any_backend)])
def test_the_tower_averages_the_features_of_transformers(name, tmp_path):
    tower, tokenizer = text_tower(folder_of(name, tmp_path))
    with np.load(tmp_path / "expected.npz") as expected:
        ids, features = expected["token_ids"], expected["features"]
    mask = ids != 0
    embeddings = tower.predict({"token_ids": ids, "padding_mask": mask}, verbose=0)
    mean = (features * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    mean /= np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, mean, atol=1e-6)

    tokens = keras_lit.LiTPreprocessor(tokenizer=tokenizer).tokenize_captions(CAPTIONS)
    ids, mask = (np.asarray(tokens[name]) for name in ("token_ids", "padding_mask"))
    assert ids.shape == (3, 16) and not ids[~mask].any()
    assert all(row[keep][-1] == 1 for row, keep in zip(ids, mask, strict=True))


@pytest.mark.any_backend
def test_shards_and_both_names_of_the_embeddings(tmp_path):
    folder = folder_of("mt5", tmp_path)
    whole = {name: tensor.read() for name, tensor in read_tensors(folder).items()}
    tensors = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    (tmp_path / "model.safetensors").unlink()
    tensors["encoder.embed_tokens.weight"] = tensors.pop("shared.weight")
    names = sorted(tensors)
    for part in range(2):
        shard = {name: tensors[name] for name in names[part::2]}
        safetensors.numpy.save_file(shard, tmp_path / f"{part}.safetensors")
    index = {name: f"{number % 2}.safetensors" for number, name in enumerate(names)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
    sharded = read_tensors(folder)
    assert sharded.keys() == whole.keys()
    for name, tensor in sharded.items():
        assert tensor.shape == whole[name].shape
        np.testing.assert_array_equal(tensor.read(), whole[name])


@pytest.mark.any_backend
def test_errors(tmp_path):
    folder = folder_of("t5", tmp_path)
    path, config = tmp_path / "config.json", json.loads((tmp_path / "config.json").read_text())

    def load(load_weights=True, **changes):
        path.write_text(json.dumps({**config, **changes}))
        return text_tower(folder, load_weights=load_weights)[0]

    other = {"num_layers": 1, "d_ff": 13}
    assert load(load_weights=False, **other).embedding_dim == 8
    with pytest.raises(
        ValueError, match="8 tensors have no place in the model: encoder.block.1"
    ) as e:
        load(**other)
    assert "wi.weight: expected shape (8, 13), found (8, 12)" in str(e.value)
    with pytest.raises(ValueError, match="`feed_forward_proj` out of .*buckets': 8"):
        load(relative_attention_num_buckets=8)
    with pytest.raises(ValueError, match="no converter .*umt5"):
        load(model_type="umt5")
    (tmp_path / "spiece.model").unlink()
    with pytest.raises(ValueError, match="has no spiece.model.*save_pretrained"):
        load()
