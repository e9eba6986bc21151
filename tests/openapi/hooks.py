"""What schemathesis cannot know of this API: accounts that exist, and what it wrongly takes for a deviation."""

import json
import os
import random
import urllib.error
import urllib.parse
import urllib.request
import uuid

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation.modes import GenerationMode

API = os.environ["API"]


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: where it leads is what is wanted."""

    def redirect_request(self, *_):
        return None


def ask(address, token=None, headers=None, body=None):
    """Any answer, also one that refuses; an address without a host is the API's."""
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(urllib.parse.urljoin(API, address), data=body, headers=headers)
    try:
        return urllib.request.build_opener(Stay).open(request)
    except urllib.error.HTTPError as answer:
        return answer


class Accounts:
    """Connected accounts of the company whose token the run has."""

    def __init__(self):
        self.token = json.load(ask("/local/token?user=ann&company=acme&role=admin"))["token"]
        self.id = None
        self.asked = 0

    def brought_back(self, browser=False):
        """What a login that the simulated Instagram allows brings back, and its cookie where a browser begins it."""
        headers = {"Sec-Fetch-Site": "same-origin"} if browser else {}
        begun = ask("/instagram/connect", self.token, headers)
        back = ask(json.load(begun)["url"] + "&_sim_as=corner.bakery&_sim_decision=allow").headers["location"]
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(back).query))
        cookie = (begun.headers["set-cookie"] or "").split(";")[0]
        return {"code": query["code"], "state": query["state"]}, cookie

    def one(self):
        """An account that is there and, most of the time, connected."""
        self.asked += 1
        if self.id is None or self.asked % 20 == 0:
            body = json.dumps(self.brought_back()[0]).encode()
            answer = ask("/instagram/callback", self.token, {"Content-Type": "application/json"}, body)
            self.id = json.load(answer)["account"]["id"]
        return self.id


ACCOUNTS = Accounts()


def is_valid(case, location):
    """Whether this part of a request is meant to be accepted."""
    part = (case.meta.components if case.meta else {}).get(location)
    return part is None or part.mode != GenerationMode.NEGATIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    """Puts what exists in place of what is made up, and leaves alone whatever is wrong on purpose."""
    if "id" in (case.path_parameters or {}) and is_valid(case, ParameterLocation.PATH):
        if random.random() < 0.8:
            case.path_parameters["id"] = ACCOUNTS.one()
    # A key that belongs to another request is refused: each has one of its own.
    if is_valid(case, ParameterLocation.HEADER) and "Idempotency-Key" in (case.headers or {}):
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.operation.path == "/instagram/callback":
        if isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
            case.body.update(ACCOUNTS.brought_back()[0])
        if case.query and is_valid(case, ParameterLocation.QUERY):
            brought, cookie = ACCOUNTS.brought_back(browser=True)
            case.query.update(brought)
            case.headers["Cookie"] = cookie
    elif case.query and is_valid(case, ParameterLocation.QUERY):
        # A cursor is signed, and scopes and addresses are those of the configuration: none of them can be made up.
        for name in ("cursor", "scopes", "returnTo"):
            case.query.pop(name, None)


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """API Gateway answers 404 for a method that has no route, and not 405: the description says so."""
    is_gateway = response.status_code == 404 and response.json() == {"message": "Not Found"}
    return not (is_gateway and type(failure).__name__ == "UnsupportedMethodResponse")
