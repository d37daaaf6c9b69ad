"""BiaPy's command for several processes without GPUs: BiaPy 3.7.1 trains in parallel only where CUDA is. Stands in for the places
that ask for it, the count of GPUs, the choice of a device, the wrapper of the model and numbers put on the GPU to be averaged; all
else is BiaPy's own."""

import os
import sys
from datetime import timedelta

import biapy
import torch
import torch.distributed as dist
from biapy import _biapy
from biapy.utils.misc import setup_for_distributed

make_tensor = torch.tensor
truth = torch.cuda.is_available, torch.cuda.device_count


def cpu_process(args, cfg):
    torch.cuda.is_available, torch.cuda.device_count = truth
    args.rank, args.world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    args.gpu, args.distributed = int(os.environ["LOCAL_RANK"]), True
    dist.init_process_group("gloo", timeout=timedelta(minutes=5))
    setup_for_distributed(args.rank == 0)
    return torch.device("cpu")


class CpuDataParallel(torch.nn.parallel.DistributedDataParallel):
    def __init__(self, module, device_ids=None, **options):
        super().__init__(module, **options)


def tensor(values, device=None, **options):
    return make_tensor(values, device="cpu" if device == "cuda" else device, **options)


torch.tensor = tensor
torch.Tensor.cuda = lambda self: self
torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: int(os.environ["WORLD_SIZE"])
_biapy.init_devices = cpu_process
torch.nn.parallel.DistributedDataParallel = CpuDataParallel
sys.exit(biapy.main())
