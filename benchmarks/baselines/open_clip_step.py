"""Sizes of two towers -> open_clip's step with a locked image tower."""

import itertools

import open_clip
import torch

from benchmarks.baselines.torch_batches import as_tensors


def train(sizes, batches, step_done):
    """Trains until `step_done(wait)` returns False; arguments as in `jax_step`."""
    torch.manual_seed(0)
    model = open_clip.CLIP(
        embed_dim=sizes.width,
        vision_cfg=open_clip.CLIPVisionCfg(
            layers=sizes.num_layers,
            width=sizes.width,
            head_width=sizes.width // sizes.num_heads,
            patch_size=sizes.patch_size,
            image_size=sizes.image_size,
            no_ln_pre=True,
        ),
        text_cfg=open_clip.CLIPTextCfg(
            context_length=sizes.num_tokens,
            vocab_size=sizes.vocabulary_size,
            width=sizes.width,
            heads=sizes.num_heads,
            layers=sizes.num_layers,
            no_causal_mask=True,
            pool_type="last",
        ),
        output_dict=True,
    )
    model.lock_image_tower()
    model.train()
    loss_of = open_clip.ClipLoss()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=1e-3)
    for batch in itertools.cycle(as_tensors(batches)):
        if "images" in batch:
            images = model.encode_image(batch["images"], normalize=True)
        else:
            images = batch["image_embeddings"]
        texts = model.encode_text(batch["token_ids"], normalize=True)
        loss = loss_of(images, texts, model.logit_scale.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not step_done(loss.item):
            return
