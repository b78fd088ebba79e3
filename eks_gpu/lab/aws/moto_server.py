"""The moto process: AWS on loopback, for programs and controllers alike.

`python -m eks_gpu.lab.aws --port 5000 --endpoint https://127.0.0.1:6443 --certificate-authority ca.crt`
"""

import argparse
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moto.core.config import default_user_config
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from eks_gpu.lab.aws.cache import kept
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.enforcement import enforced
from eks_gpu.lab.aws.locks import in_turns
from eks_gpu.lab.aws.offered import offered

LOOPBACK = "127.0.0.1"


@contextmanager
def moto(port: int = 0, endpoint: str = "", certificate: Path | None = None) -> Iterator[str]:
    """AWS in a thread of this process, empty at first; gives its URL, for AWS_ENDPOINT_URL. Port 0 is a free one.

    Who calls with the credentials of a role may do what the role's policies allow, as `enforcement` says.
    """
    complete_moto(endpoint, certificate)
    with _managed_policies(), enforced(), in_turns(), offered(), kept():
        moto_api_backend.reset()
        server = ThreadedMotoServer(LOOPBACK, port, verbose=False)
        server.start()
        try:
            yield "http://{}:{}".format(*server.get_host_and_port())
        finally:
            server.stop()


@contextmanager
def _managed_policies() -> Iterator[None]:
    """While it lasts, moto's accounts begin with AWS's own policies, which roles attach."""
    usual = default_user_config.get("iam", {"load_aws_managed_policies": False})
    default_user_config["iam"] = {"load_aws_managed_policies": True}
    try:
        yield
    finally:
        default_user_config["iam"] = usual


def main() -> None:
    """Serves until it is ended."""
    arguments = _arguments().parse_args()
    ended = threading.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_, lambda *_: ended.set())
    os.environ.setdefault("AWS_DEFAULT_REGION", arguments.region)
    with moto(arguments.port, arguments.endpoint, arguments.certificate_authority) as url:
        print(url, flush=True)
        ended.wait()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eks_gpu.lab.aws", description="AWS on loopback")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--region", default="us-west-2", help="region of calls that name none")
    parser.add_argument("--endpoint", default="", help="API server that every EKS cluster is said to have")
    parser.add_argument("--certificate-authority", type=Path, help="file with that server's certificate authority")
    return parser
