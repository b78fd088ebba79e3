"""The record that a control plane keeps, and the key of its secrets."""

import pytest

from tests.graphs import findings
from tests.whole_graphs import KEY_ARN, cluster, failure, healthy, holds, resource

LOG, KEYS = "protected-clusters-keep-an-audit-log", "encryption-keys-are-used"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"enabledClusterLogTypes": []}, "it logs nothing"),
        ({"enabledClusterLogTypes": None}, "it logs nothing"),
        ({"enabledClusterLogTypes": ["api", "scheduler"]}, "it logs api, scheduler"),
        ({"enabledClusterLogTypes": [], "deletionProtection": False}, "it logs nothing"),
    ],
)
def test_a_protected_cluster_without_an_audit_log(given, said):
    assert failure(LOG, cluster=cluster(**given)) == ("shop", said)


def test_a_cluster_for_a_trial_is_not_judged():
    trial = cluster(enabledClusterLogTypes=[], deletionProtection=False, encryptionConfig=None)
    assert findings(LOG, *healthy(cluster=trial)) == {}


def test_a_key_that_nothing_names():
    bare = cluster(encryptionConfig=None)
    assert failure(KEYS, cluster=bare) == ("secrets", "nothing of the stack names it")
    alias = resource("aws:kms/alias:Alias", "a", {"targetKeyId": "8f0c-secrets"})
    assert failure(KEYS, cluster=[bare, alias]) == ("secrets", "nothing of the stack names it")


def test_a_key_of_something_else_is_used():
    queue = resource("aws:sqs/queue:Queue", "jobs", {"kmsMasterKeyId": KEY_ARN})
    assert holds(KEYS, cluster=[cluster(encryptionConfig=None), queue])


def test_a_key_whose_arn_is_not_known_yet_is_used_by_what_waits_for_it():
    new = resource("aws:kms/key:Key", "new", {})
    waiting = resource("aws:sqs/queue:Queue", "jobs", {}, dependencies=frozenset({new.urn}))
    assert holds(KEYS, s3=[new, waiting])
    assert not holds(KEYS, s3=new)
