"""IAM in moto: who calls as a role may do what the role's policies allow, the lab's own keys may do everything.

moto itself knows callers, signatures and policies, but it judges most operations as if they were about `*`, and takes
the signature of a GET, as all of EKS's reads are, over the wrong body. What is not judged is the conditions of a
statement: those of an Allow are taken to hold, those of a Deny not to.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn
from unittest.mock import patch

from botocore.awsrequest import AWSRequest
from flask import request as flask_request
from moto.core.authorization import enable_iam_authentication
from moto.core.responses import BaseResponse
from moto.core.utils import convert_to_flask_response
from moto.iam.access_control import IAMPolicy, IAMRequest, create_access_key

from eks_gpu.graph.iam import Call, allowed, without_conditions
from eks_gpu.lab.aws import LAB_KEYS, calls
from eks_gpu.lab.aws.needs import needed

ANYBODY = {"sts:GetCallerIdentity"}
"""What needs no permission."""


@contextmanager
def enforced() -> Iterator[None]:
    """While it lasts, moto in this process refuses callers it does not know, and what a caller may not do."""
    answer, authorize = convert_to_flask_response.__call__, BaseResponse._authenticate_and_authorize_action

    def answer_signed(served: Any, *given: Any, **named: Any) -> Any:
        flask_request.get_data()  # keeps the body as it was signed; moto takes a form apart
        return answer(served, *given, **named)

    def authorize_others(response: Any, judge: Any, resource: str = "*") -> None:
        key = response.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        if not key:
            _refuse(response, "MissingAuthenticationToken", "The request is not signed")
        if judge is IAMRequest:
            judge = partial(Judged, response)
        if key != LAB_KEYS["aws_access_key_id"]:
            authorize(response, judge, resource)

    with (
        enable_iam_authentication(),
        patch.object(convert_to_flask_response, "__call__", answer_signed),
        patch.object(BaseResponse, "_authenticate_and_authorize_action", authorize_others),
    ):
        yield


def may(response: Any, action: str, resource: str | None = None) -> bool:
    """Whether who made a call may do something else too. Without `resource` any is taken to be meant."""
    key = response.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
    if key == LAB_KEYS["aws_access_key_id"]:
        return True
    caller = create_access_key(response.current_account, response.partition, key, response.headers)
    policies = map(IAMPolicy, caller.collect_policies())
    documents = [without_conditions(policy._policy_json) for policy in policies]
    return allowed(documents, Call(action, resource))


class Judged(IAMRequest):
    """A request of somebody else than the lab."""

    def __init__(self, response: Any, **given: Any):
        self._response = response
        super().__init__(**given)

    def check_action_permitted(self, resource: str) -> None:
        """Refuses what the caller's own policies do not allow; moto's guess at the resource is not used."""
        if self._action in ANYBODY:
            return
        response = self._response
        place, given = calls.place(response), calls.parameters(response)
        policies = map(IAMPolicy, self._access_key.collect_policies())
        documents = [without_conditions(policy._policy_json) for policy in policies]
        for need in needed(place, self._action, given):
            if not allowed(documents, need):
                self._raise_access_denied(need.action, need.resource or "*")

    def _create_aws_request(self) -> AWSRequest:
        request = super()._create_aws_request()
        request.data = self._response.normalized_request.get_data()  # moto takes the headers where there is none
        return request

    def _raise_access_denied(self, action: str = "", resource: str = "*") -> NoReturn:
        _refuse(
            self._response,
            "AccessDenied",
            f"User: {self._access_key.arn} is not authorized to perform: {action} on resource: {resource}",
        )

    def _raise_invalid_access_key(self, _: str) -> NoReturn:
        _refuse(self._response, "InvalidClientTokenId", "The security token included is invalid")

    def _raise_signature_does_not_match(self) -> NoReturn:
        told = "The request signature we calculated does not match the signature you provided"
        _refuse(self._response, "SignatureDoesNotMatch", told)


CODES = {
    "ec2": {
        "AccessDenied": "UnauthorizedOperation",
        "InvalidClientTokenId": "AuthFailure",
        "SignatureDoesNotMatch": "AuthFailure",
    },
    "json": {
        "AccessDenied": "AccessDeniedException",
        "InvalidClientTokenId": "UnrecognizedClientException",
        "MissingAuthenticationToken": "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch": "InvalidSignatureException",
    },
}
"""A refusal's code where a protocol has another one than IAM's. Source: the services' common errors."""


def _refuse(response: Any, code: str, message: str) -> NoReturn:
    """Answers 403, with the code that the service has for it."""
    spoken = calls.protocol(response)
    known = CODES.get("json" if "json" in spoken else spoken, {})
    calls.refuse(response, known.get(code, code), message, 403)
