"""Training steps of BiaPy's masked autoencoder by PyTorch, eager; prints JSON. Run by mae.mjs."""
import json
import resource
import sys
import time

import torch
from biapy.models.mae import MaskedAutoencoderViT

features, layers, heads, threads, steps = map(int, sys.argv[1:])
torch.set_num_threads(threads)
model = MaskedAutoencoderViT(
    img_size=128, patch_size=16, in_chans=1, ndim=2, embed_dim=features, depth=layers, num_heads=heads,
    decoder_embed_dim=512, decoder_depth=8, decoder_num_heads=16, mlp_ratio=4.0, masking_type="random", mask_ratio=0.5,
    device=torch.device("cpu"),
)
optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.02)
images = torch.randn(4, 1, 128, 128)
seconds = []
for _ in range(steps):
    started = time.perf_counter()
    optimiser.zero_grad()
    model(images)["loss"].backward()
    optimiser.step()
    seconds.append(time.perf_counter() - started)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
print(json.dumps({"seconds": seconds, "peakMegabytes": peak}))
