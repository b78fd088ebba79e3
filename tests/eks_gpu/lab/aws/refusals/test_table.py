"""Every row of the table of refusals is shown in a test of its service."""

from eks_gpu.lab.aws.ec2_refusals import EC2_REFUSALS
from eks_gpu.lab.aws.refusals import REFUSALS
from tests.eks_gpu.lab.aws.refusals import test_ec2, test_eks, test_iam, test_messages_and_logs

CASES = test_ec2.CASES | test_eks.CASES | test_iam.CASES | test_messages_and_logs.CASES


def test_every_row_of_the_table_is_shown():
    rows = [row for row in REFUSALS if row not in EC2_REFUSALS]  # those are in test_launches
    assert {f"{operation} {row.refuses}" for row in rows for operation in row.operations} == CASES.keys()
    assert all(row.source and row.words for row in REFUSALS)
