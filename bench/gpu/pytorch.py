"""Training steps of a masked autoencoder (ViT-B) and a U-Net in plain PyTorch, of the sizes in cases.ts; prints JSON.

Usage: pytorch.py mae|unet eager|compile|amp real|small. BiaPy is not needed: layers and sizes are those of its networks.
"""
import json
import sys
import time

import torch
from torch import nn

name, how, scale = sys.argv[1:4]
small = scale == "small"
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
batch = 2 if small else 16


def transformer(width, depth, heads):
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)


class MaskedAutoencoder(nn.Module):
    """He et al. 2022: the encoder sees half of the tokens, the decoder all of them."""

    def __init__(self, size, token, width, depth, heads, inner, inner_depth, inner_heads):
        super().__init__()
        self.tokens = (size // token) ** 2
        self.embed = nn.Conv2d(1, width, token, token)
        self.encoder = transformer(width, depth, heads)
        self.narrow = nn.Linear(width, inner)
        self.mask = nn.Parameter(torch.zeros(1, 1, inner))
        self.decoder = transformer(inner, inner_depth, inner_heads)
        self.head = nn.Linear(inner, token * token)
        self.unfold = nn.Unfold(token, stride=token)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)[:, ::2]
        seen = self.narrow(self.encoder(tokens))
        hidden = self.mask.expand(images.shape[0], self.tokens - seen.shape[1], -1)
        predicted = self.head(self.decoder(torch.cat([seen, hidden], 1)))
        return (predicted - self.unfold(images).transpose(1, 2)).square().mean()


def convolutions(inputs, outputs):
    return nn.Sequential(*[
        layer
        for channels in (inputs, outputs)
        for layer in (nn.Conv2d(channels, outputs, 3, padding=1), nn.InstanceNorm2d(outputs, affine=True), nn.ELU())
    ])


class UNet(nn.Module):
    """Ronneberger et al. 2015, with instance normalization and ELU."""

    def __init__(self, maps):
        super().__init__()
        self.down = nn.ModuleList(convolutions(a, b) for a, b in zip([1, *maps], maps))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(maps, maps[1:]))
        self.join = nn.ModuleList(convolutions(2 * a, a) for a in maps[:-1])
        self.head = nn.Conv2d(maps[0], 1, 1)

    def forward(self, images):
        x, seen = images, []
        for level, block in enumerate(self.down):
            x = block(x if level == 0 else nn.functional.max_pool2d(x, 2))
            seen.append(x)
        for level in reversed(range(len(self.up))):
            x = self.join[level](torch.cat([self.up[level](x), seen[level]], 1))
        return (self.head(x) - images).square().mean()


if name == "mae":
    size = 32 if small else 128
    sizes = (48, 2, 3, 32, 1, 16) if small else (768, 12, 12, 512, 8, 16)
    network = MaskedAutoencoder(size, 16, *sizes)
else:
    size = 32 if small else 256
    network = UNet([4, 8, 16, 16, 16] if small else [16, 32, 64, 128, 256])
network.to(device)
step_of = torch.compile(network) if how == "compile" else network
optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, weight_decay=0.02)
scaler = torch.amp.GradScaler(device.type, enabled=how == "amp" and device.type == "cuda")
images = torch.randn(batch, 1, size, size, device=device)
seconds, losses = [], []
begun = time.perf_counter()
while len(seconds) < 5 or time.perf_counter() - begun < (0 if small else 4):
    started = time.perf_counter()
    optimizer.zero_grad()
    half = torch.float16 if device.type == "cuda" else torch.bfloat16
    with torch.autocast(device.type, dtype=half, enabled=how == "amp"):
        loss = step_of(images)
    scaler.scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    losses.append(loss.item())
    seconds.append(time.perf_counter() - started)
label = torch.cuda.get_device_name() if device.type == "cuda" else "CPU"
print(json.dumps({"device": f"{label}, PyTorch {torch.__version__}", "losses": losses[:5], "seconds": seconds}))
