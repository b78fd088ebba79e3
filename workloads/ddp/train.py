"""One member of a gang: PyTorch DDP with a checkpoint in S3, which SIGTERM asks for and the next start resumes from.

Before EC2 takes a Spot node it gives two minutes of notice; Karpenter drains the node, and the kubelet sends SIGTERM.
All members learn of it at their next step, the first of them saves, and all end: JobSet starts the whole gang again.
"""

import io
import os
import signal
import sys
import time

import boto3
import torch
import torch.distributed as dist
from botocore.exceptions import ClientError
from torch.nn.parallel import DistributedDataParallel

STEPS, EVERY = int(os.environ.get("STEPS", "20000")), int(os.environ.get("SAVE_EVERY", "500"))
RATE = float(os.environ.get("LEARNING_RATE", "0.001"))
BUCKET, KEY = os.environ["BUCKET"], f"{os.environ['RUN']}/checkpoint.pt"
INTERRUPTED = 143
"""Exit code of a member that was asked to end, as a shell has it for SIGTERM."""

asked_to_end = False


def on_sigterm(*_: object) -> None:
    global asked_to_end
    asked_to_end = True


def load(s3, device: torch.device):
    """The last checkpoint; None before the first one."""
    try:
        body = s3.get_object(Bucket=BUCKET, Key=KEY)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            return None
        raise
    return torch.load(io.BytesIO(body), map_location=device, weights_only=True)


def save(s3, step: int, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Whole or not at all: S3 replaces an object when all of it has arrived."""
    began, out = time.monotonic(), io.BytesIO()
    torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, out)
    s3.put_object(Bucket=BUCKET, Key=KEY, Body=out.getvalue())
    print(f"step {step}: saved in {time.monotonic() - began:.1f} s", flush=True)


def somebody_must_end(device: torch.device) -> bool:
    """Whether any member was asked to end: all leave the loop at the same step, and nobody waits for who has gone."""
    flag = torch.tensor([float(asked_to_end)], device=device)
    dist.all_reduce(flag, op=dist.ReduceOp.MAX)
    return bool(flag.item())


def main() -> int:
    signal.signal(signal.SIGTERM, on_sigterm)
    rank, world = int(os.environ["JOB_COMPLETION_INDEX"]), int(os.environ["MEMBERS"])
    gpu = torch.cuda.is_available()
    device = torch.device("cuda", 0) if gpu else torch.device("cpu")
    dist.init_process_group("nccl" if gpu else "gloo", rank=rank, world_size=world)

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(1024, 4096), torch.nn.ReLU(), torch.nn.Linear(4096, 1024)).to(device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE)
    s3, start = boto3.client("s3"), 0
    if found := load(s3, device):
        net.load_state_dict(found["model"])
        optimizer.load_state_dict(found["optimizer"])
        start = found["step"]
    print(f"member {rank} of {world} on {device}: from step {start}", flush=True)
    model = DistributedDataParallel(net)

    data = torch.Generator(device=device).manual_seed(rank)
    for step in range(start, STEPS):
        batch = torch.randn(256, 1024, device=device, generator=data)
        loss = torch.nn.functional.mse_loss(model(batch), batch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        done, ends = step + 1, somebody_must_end(device)
        if rank == 0 and (ends or done % EVERY == 0 or done == STEPS):
            save(s3, done, net, optimizer)
        if ends:
            dist.barrier()  # until the checkpoint is there
            print(f"step {done}: asked to end, loss {loss.item():.4f}", flush=True)
            return INTERRUPTED
    dist.barrier()
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
