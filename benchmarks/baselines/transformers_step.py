"""Sizes of two towers -> a step of transformers' VisionTextDualEncoder, image tower locked.

Its text tower is BERT, a post-LayerNorm transformer of the same sizes. It has no way in for stored
embeddings, so there is no cached step.
"""

import itertools

import torch
import transformers

from benchmarks.baselines.torch_batches import as_tensors


def train(sizes, batches, step_done):
    """Trains until `step_done(wait)` returns False; arguments as in `jax_step`."""
    torch.manual_seed(0)
    transformer = {
        "hidden_size": sizes.width,
        "num_hidden_layers": sizes.num_layers,
        "num_attention_heads": sizes.num_heads,
        "intermediate_size": sizes.mlp_dim,
    }
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    image_config = transformers.ViTConfig(
        image_size=sizes.image_size, patch_size=sizes.patch_size, **dropout, **transformer
    )
    text_config = transformers.BertConfig(
        vocab_size=sizes.vocabulary_size,
        max_position_embeddings=sizes.num_tokens,
        **dropout,
        **transformer,
    )
    model = transformers.VisionTextDualEncoderModel(
        transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
            image_config, text_config, projection_dim=sizes.width
        )
    )
    model.vision_model.requires_grad_(False)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-3)
    for batch in itertools.cycle(as_tensors(batches)):
        loss = model(
            input_ids=batch["token_ids"], pixel_values=batch["images"], return_loss=True
        ).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not step_done(loss.item):
            return
