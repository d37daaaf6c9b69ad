"""
Writes checkpoints of timm's vision transformers with random weights, as others leave them, and says what their encoders see.

    python foreign-weights-judge.py FOLDER

Prints JSON: for each case its file, what the network that loads it has (channels, size), and the tokens after the last layer
(`raw`) and after the last normalization (`normalized`), `[token][feature]`, without the class token, for the formula's image.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file
from timm.layers import resample_abs_pos_embed
from timm.models._manipulate import adapt_input_conv
from timm.models.beit import Beit
from timm.models.deit import VisionTransformerDistilled
from timm.models.vision_transformer import ParallelScalingBlock, VisionTransformer

folder = pathlib.Path(sys.argv[1])
torch.manual_seed(0)
TOKEN, SIZE, CHANNELS = 8, 32, 3


def network(size=SIZE, channels=CHANNELS, **more):
    return VisionTransformer(
        img_size=size, patch_size=TOKEN, in_chans=channels, num_classes=5, embed_dim=24, depth=3, num_heads=3, **more
    ).eval()


def randomized(net):
    """Weights far from where they start, so that every layer counts."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return net


def image(size, channels):
    at = np.arange(channels * size[0] * size[1])
    values = 0.5 * np.sin(at * 0.05) + 0.25 * np.cos(at * 0.013)
    return torch.from_numpy(values.astype("float32").reshape(1, channels, *size))


def seen(net, size, channels):
    with torch.no_grad():
        kept = []
        normalized = net.forward_features(image(size, channels))
        net.blocks[-1].register_forward_hook(lambda _, __, output: kept.append(output))
        # UNETR normalizes with PyTorch's own epsilon.
        for layer in net.modules():
            if isinstance(layer, torch.nn.LayerNorm):
                layer.eps = 1e-5
        net.forward_features(image(size, channels))
    tokens = lambda x: x[0, 1:].double().tolist()
    return {"raw": tokens(kept[0]), "normalized": tokens(normalized)}


def adapted(state, size, channels):
    """The same weights for images of another size and other channels, as timm itself brings them there."""
    net = network(size, channels)
    state = dict(state)
    grid = [each // TOKEN for each in size]
    state["pos_embed"] = resample_abs_pos_embed(state["pos_embed"], grid, num_prefix_tokens=1)
    state["patch_embed.proj.weight"] = adapt_input_conv(channels, state["patch_embed.proj.weight"])
    net.load_state_dict(state)
    return net.eval()


source = randomized(network())
state = source.state_dict()
namespace = argparse.Namespace(
    lr=1e-3, model="mae_vit", data_path=pathlib.Path("/data"), betas=(0.9, 0.95), resume="", device="cuda", nested=argparse.Namespace(a=[1])
)
optimizer = torch.optim.AdamW(source.parameters(), 1e-3).state_dict()
full = {
    "model": state, "optimizer": optimizer, "epoch": np.int64(3), "scaler": {"scale": 65536.0}, "args": namespace,
    "metric": np.float64(0.5), "history": np.arange(3.0),
}
files = {
    "plain.pth": state,
    "mae.pth": full,
    "module.pth": {"state_dict": {f"module.{key}": value for key, value in state.items()}},
    "compiled.pth": {"model": {f"_orig_mod.module.{key}": value for key, value in state.items()}},
    # Part of a larger network: PyTorch Lightning's modules, and a compiled one on several GPUs.
    "lightning.ckpt": {
        "epoch": 3, "state_dict": {**{f"model.{key}": value for key, value in state.items()}, "loss.weight": torch.ones(2)},
        "pytorch-lightning_version": "2.4.0", "callbacks": {}, "hyper_parameters": {"lr": 1e-3},
    },
    "nested.pth": {"state_dict": {f"module.net._orig_mod.encoder.{key}": value for key, value in state.items()}},
}
for name, content in files.items():
    torch.save(content, folder / name)
save_file(state, folder / "timm.safetensors")
torch.save(randomized(network(init_values=1e-5)).state_dict(), folder / "scaled.pth")
torch.save(randomized(network(qk_norm=True)).state_dict(), folder / "normalized.pth")
for name, net in {
    "distilled": VisionTransformerDistilled(
        img_size=SIZE, patch_size=TOKEN, num_classes=5, embed_dim=24, depth=3, num_heads=3
    ),
    "registers": network(reg_tokens=4),
    "beit": Beit(
        img_size=SIZE, patch_size=TOKEN, num_classes=5, embed_dim=24, depth=3, num_heads=3, init_values=None
    ),
    "parallel": network(block_fn=ParallelScalingBlock),
    "tokens": network(embed_norm_layer=torch.nn.LayerNorm),
}.items():
    torch.save(randomized(net).state_dict(), folder / f"{name}.pth")
torch.save(
    {"state_dict": {f"{part}.{key}": value for part in ("student", "teacher") for key, value in state.items()}},
    folder / "two.pth",
)
torch.save({"model": state, "model_build_kwargs": {"num_heads": 4}}, folder / "heads.pth")
# Networks whose encoders compute the same although their files differ.
variants = {
    "pooled.pth": randomized(network(global_pool="avg", fc_norm=False)),
    "unbiased.pth": randomized(network(qkv_bias=False)),
    "deit3.pth": randomized(network(no_embed_class=True)),
}
for name, net in variants.items():
    torch.save(net.state_dict(), folder / name)

cases = [{"file": name, "size": [SIZE, SIZE], "channels": CHANNELS} for name in [*files, "timm.safetensors"]]
for size, channels in (((32, 32), 1), ((32, 32), 4), ((48, 48), 3), ((16, 16), 3), ((24, 40), 1)):
    cases.append({"file": "plain.pth", "size": list(size), "channels": channels})
for name, net in variants.items():
    cases.append({"file": name, "size": [SIZE, SIZE], "channels": CHANNELS, **seen(net, (SIZE, SIZE), CHANNELS)})
for case in cases:
    if "raw" not in case:
        case.update(seen(adapted(state, case["size"], case["channels"]), case["size"], case["channels"]))
print(json.dumps(cases))
