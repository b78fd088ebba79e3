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
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.server import ThreadedMotoServer

from eks_gpu.lab.aws.accounts import ACCOUNTS, USED, Account
from eks_gpu.lab.aws.cache import kept
from eks_gpu.lab.aws.capacity import Capacity, having
from eks_gpu.lab.aws.completed import complete_moto
from eks_gpu.lab.aws.enforcement import enforced
from eks_gpu.lab.aws.iam_refusals import SPOT_SERVICE
from eks_gpu.lab.aws.launches import launching
from eks_gpu.lab.aws.lifecycle import holding
from eks_gpu.lab.aws.locks import in_turns
from eks_gpu.lab.aws.offered import offered
from eks_gpu.lab.aws.pace import Pace, pacing
from eks_gpu.lab.aws.refusals import refusing
from eks_gpu_components.catalog import partition

LOOPBACK = "127.0.0.1"
REGION = "us-west-2"
"""Of calls that name none."""


@contextmanager
def moto(
    port: int = 0,
    endpoint: str = "",
    certificate: Path | None = None,
    account: Account = USED,
    outages: Path | None = None,
    closed: Path | None = None,
    pace: Pace | None = None,
    quotas: Path | None = None,
    refused: Path | None = None,
    reservations: Path | None = None,
) -> Iterator[str]:
    """AWS in a thread of this process, empty at first; gives its URL, for AWS_ENDPOINT_URL. Port 0 is a free one.

    EC2 launches what the account's quotas allow, or the vCPUs by quota's code in the file `quotas`, and nothing that is
    in the file `outages`, a list of [type, zone]. The file `refused` gets the code of each quota that refused a launch.
    The file `reservations` has the capacity reservations, as `reserved` says. The file `closed` gets the names of
    clusters with a private endpoint alone.

    Who calls with the credentials of a role may do what the role's policies allow, as `enforcement` says.
    """
    complete_moto(endpoint, certificate, closed)
    with (
        having(Capacity(account, outages, quotas, refused, reservations=reservations)),
        pacing(pace or Pace()),
        _managed_policies(),
        enforced(),
        refusing(),
        launching(),
        holding(),
        in_turns(),
        offered(),
        kept(),
    ):
        moto_api_backend.reset()
        if account.spot_role:
            region = os.environ.get("AWS_DEFAULT_REGION") or REGION
            iam = iam_backends[DEFAULT_ACCOUNT_ID][partition(region)]
            iam.create_service_linked_role(SPOT_SERVICE, "Default EC2 Spot Service Linked Role", "")
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
    account = ACCOUNTS[arguments.account]
    with moto(
        arguments.port,
        arguments.endpoint,
        arguments.certificate_authority,
        account,
        arguments.outages,
        arguments.closed,
        Pace(arguments.throttled_every, arguments.settles_s),
        arguments.quotas,
        arguments.refused,
        arguments.reservations,
    ) as url:
        print(url, flush=True)
        ended.wait()


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m eks_gpu.lab.aws", description="AWS on loopback")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--region", default=REGION, help="region of calls that name none")
    parser.add_argument("--account", default="used", choices=ACCOUNTS, help="whose quotas count")
    parser.add_argument("--outages", type=Path, help="file with a list of [type, zone]: what EC2 is out of")
    parser.add_argument("--reservations", type=Path, help="file with the capacity reservations that EC2 has")
    parser.add_argument("--quotas", type=Path, help="file with vCPUs by quota's code, in place of the account's")
    parser.add_argument("--refused", type=Path, help="file for the codes of quotas that refused a launch")
    parser.add_argument("--closed", type=Path, help="file for the names of clusters with a private endpoint alone")
    parser.add_argument("--throttled-every", type=int, default=0, help="of so many calls the last is throttled")
    parser.add_argument("--settles-s", type=float, default=0, help="seconds until a new role can be used")
    parser.add_argument("--endpoint", default="", help="API server that every EKS cluster is said to have")
    parser.add_argument("--certificate-authority", type=Path, help="file with that server's certificate authority")
    return parser
