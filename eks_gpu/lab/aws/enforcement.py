"""IAM in moto: who calls as a role may do what the role's policies allow, the lab's own keys may do everything.

moto itself knows callers, signatures and policies, but it judges most operations as if they were about `*`, and takes
the signature of a GET, as all of EKS's reads are, over the wrong body. What is not judged is the conditions of a
statement: those of an Allow are taken to hold, those of a Deny not to.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import Any, NoReturn
from unittest.mock import patch

from botocore.awsrequest import AWSRequest
from moto.core.authorization import enable_iam_authentication
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model
from moto.iam.access_control import IAMPolicy, IAMRequest
from werkzeug.exceptions import Forbidden

from eks_gpu.lab.aws import LAB_KEYS
from eks_gpu.lab.aws.needs import Place, needed
from eks_gpu.lab.aws.policy import allowed, without_conditions

ANYBODY = {"sts:GetCallerIdentity"}
"""What needs no permission."""

_log = logging.getLogger(__name__)


@contextmanager
def enforced() -> Iterator[None]:
    """While it lasts, moto in this process refuses callers it does not know, and what a caller may not do."""
    set_up, authorize = BaseResponse.setup_class, BaseResponse._authenticate_and_authorize_action

    def set_up_signed(response: Any, request: Any, *given: Any, **named: Any) -> None:
        request.get_data()  # keeps the body as it was signed; moto takes a form apart
        set_up(response, request, *given, **named)

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
        patch.object(BaseResponse, "setup_class", set_up_signed),
        patch.object(BaseResponse, "_authenticate_and_authorize_action", authorize_others),
    ):
        yield


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
        place = Place(response.partition, response.region, response.current_account)
        policies = map(IAMPolicy, self._access_key.collect_policies())
        documents = [without_conditions(policy._policy_json) for policy in policies]
        for need in needed(place, self._action, _parameters(response)):
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


def _parameters(response: Any) -> dict[str, Any]:
    response._get_action()  # finds those in the path
    response.parse_parameters(response.normalized_request)
    return response.params


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

XML = {
    "ec2": "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>",
    "query": "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
}


def _refuse(response: Any, code: str, message: str) -> NoReturn:
    """Answers 403 as the service would; moto does it in one XML for all."""
    _log.warning("%s refused: %s", response.service_name, message)
    protocol = response.determine_response_protocol(get_service_model(response.boto3_service_name))
    if "json" in protocol:
        raise Forbidden(json.dumps({"__type": CODES["json"][code], "message": message}))
    code = CODES.get(protocol, {}).get(code, code)
    raise Forbidden(XML.get(protocol, XML["query"]).format(code, escape(message)))
