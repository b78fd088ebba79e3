"""A call that moto hears: where it goes, what it says, and how it is refused."""

import json
import logging
from collections.abc import Mapping
from html import escape
from typing import Any, NoReturn

from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from eks_gpu.lab.aws.needs import Place

XML = {
    "ec2": "<Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>",
    "query": "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code><Message>{}</Message></Error></ErrorResponse>",
}

_log = logging.getLogger(__name__)


def action(response: Any) -> str:
    """The operation as policies name it: `eks:CreateCluster`."""
    return f"{response.service_name}:{response._get_action()}"


def place(response: Any) -> Place:
    """Account and region that the call is for."""
    return Place(response.partition, response.region, response.current_account)


def parameters(response: Any) -> Mapping[str, Any]:
    """The call's parameters under botocore's names."""
    response._get_action()  # finds those in the path
    response.parse_parameters(response.normalized_request)
    return response.params


def protocol(response: Any) -> str:
    """How the service speaks: `ec2`, `query`, `json`, `rest-json`."""
    return response.determine_response_protocol(get_service_model(response.boto3_service_name))


def refuse(response: Any, code: str, message: str, status: int) -> NoReturn:
    """Answers with an error as the service would; moto does it in one XML for all."""
    _log.warning("%s refused: %s", response.service_name, message)
    spoken = protocol(response)
    if "json" in spoken:
        body = json.dumps({"__type": code, "message": message})
    else:
        body = XML.get(spoken, XML["query"]).format(code, escape(message))
    answer = HTTPException(body)
    answer.code = status
    raise answer
