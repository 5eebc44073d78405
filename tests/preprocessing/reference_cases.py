"""Family named in a fixture's config.json -> fixture folders that tests/preprocessing compares."""

import json

from tests.reference import reference_root

WORD_PIECE = "vit_jax.preprocess.BertTokenizer"
SENTENCE_PIECE = "vit_jax.preprocess.SentencepieceTokenizer"
IMAGES = "vit_jax.preprocess.PreprocessImages"


def fixtures_of(family):
    """Returns the names of all fixture folders whose family starts with `family`, sorted."""
    names = []
    for path in sorted(reference_root().glob("*/config.json")):
        if str(json.loads(path.read_text()).get("family", "")).startswith(family):
            names.append(path.parent.name)
    return names
