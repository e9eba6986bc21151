"""What schemathesis cannot know of this API: accounts that exist, and what it wrongly takes for a deviation."""

import json
import os
import random
import urllib.error
import urllib.parse
import urllib.request
import uuid
from datetime import UTC, datetime, timedelta

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
        back = ask(json.load(begun)["url"] + "&_sim_as=harbor.cafe&_sim_decision=allow").headers["location"]
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


class Made:
    """Posts and templates of that company, made when they are needed."""

    def __init__(self):
        self.ids = {}

    def one(self, kind, address, body):
        """An id of one that is there, most of the time."""
        known, asked = self.ids.get((kind, address), (None, 0))
        if known is None or asked % 20 == 0:
            headers = {"Content-Type": "application/json", "Idempotency-Key": str(uuid.uuid4())}
            known = json.load(ask(address, ACCOUNTS.token, headers, json.dumps(body).encode())).get("id")
        self.ids[(kind, address)] = (known, asked + 1)
        return known

    def post(self, account):
        """A draft of an account."""
        body = {"kind": "image", "imageUrl": "https://media.example.com/bread.jpg", "draft": True}
        return self.one("post", f"/instagram/accounts/{account}/posts", body)

    def media(self, account):
        """One that the account has at Instagram; nothing where the account is none."""
        page = json.load(ask(f"/instagram/accounts/{account}/media?limit=1", ACCOUNTS.token))
        return next((media["id"] for media in page.get("media", [])), None)

    def template(self):
        return self.one("template", "/templates", {"name": "New", "text": "New: {{what}}"})


ACCOUNTS = Accounts()
MADE = Made()


def in_a_week():
    return (datetime.now(UTC) + timedelta(days=7)).isoformat()


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
            if "postId" in case.path_parameters:
                case.path_parameters["postId"] = MADE.post(case.path_parameters["id"]) or str(uuid.uuid4())
            if "mediaId" in case.path_parameters:
                media = MADE.media(case.path_parameters["id"])
                case.path_parameters["mediaId"] = media or case.path_parameters["mediaId"]
    if "templateId" in (case.path_parameters or {}) and is_valid(case, ParameterLocation.PATH):
        if random.random() < 0.8:
            case.path_parameters["templateId"] = MADE.template() or str(uuid.uuid4())
    if isinstance(case.body, dict) and is_valid(case, ParameterLocation.BODY):
        for post in [case.body, *(case.body.get("posts") or [])]:
            # The text comes from the caption or from a template with its values, which the kinds' schemas do not say.
            for name in ("caption",) if "templateId" in post else ("values",):
                post.pop(name, None)
            # A time that has passed is refused, and so is one that is too far ahead.
            if post.get("publishAt", "now") != "now":
                post["publishAt"] = in_a_week()
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


def is_gateways(failure, case, response):
    """API Gateway answers 404 for a method that has no route, and not 405: the description says so."""
    is_gateway = response.status_code == 404 and response.json() == {"message": "Not Found"}
    return is_gateway and failure == "UnsupportedMethodResponse"


def is_preflights(failure, case, response):
    """What a post is refused for depends on media, quotas and the account: no schema tells."""
    is_refusal = response.status_code == 422 and bool(response.json().get("findings"))
    return is_refusal and failure == "RejectedPositiveData"


def is_of_another_kind(failure, case, response):
    """A change of a post takes the members of that post's kind, and the description only lists those of all kinds."""
    is_change = (case.method, case.path) == ("PATCH", "/instagram/accounts/{id}/posts/{postId}")
    detail = response.json().get("detail", "") if response.status_code == 400 else ""
    return is_change and "unknown field `" in detail and failure == "RejectedPositiveData"


def is_backwards(failure, case, response):
    """That one moment lies before another no schema tells."""
    is_refusal = response.status_code == 400 and response.json().get("code") == "invalid_span"
    return is_refusal and failure == "RejectedPositiveData"


def is_unlisted(failure, case, response):
    """Names in a list with commas, days within a thousand years and what Instagram lets no app do: no schema tells."""
    codes = {
        "invalid_day", "invalid_days", "unknown_metric", "unknown_media_metric", "invalid_comparison", "invalid_order",
        "not_supported_by_platform", "facebook_login_required",
    }
    is_refusal = response.status_code in (400, 422) and response.json().get("code") in codes
    return is_refusal and failure == "RejectedPositiveData"


def is_instagrams(failure, case, response):
    """Of an id that is nobody's Instagram says what it says in an outage: 502, as described."""
    is_of_media = "/media/{mediaId}" in case.path and response.status_code == 502
    is_told = is_of_media and response.json().get("code") == "not_found_or_no_access"
    return is_told and failure == "ServerError"


def is_a_verdict(failure, case, response):
    """Posts in bulk are refused one by one, in an answer that is 200."""
    is_bulk = response.status_code == 200 and case.path == "/instagram/accounts/{id}/posts/bulk"
    refused = is_bulk and any(result["status"] >= 400 for result in response.json()["results"])
    return refused and failure == "AcceptedNegativeData"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """What is no deviation stays out of the report."""
    kind = type(failure).__name__
    known = (
        is_gateways, is_preflights, is_of_another_kind, is_backwards, is_unlisted, is_instagrams, is_a_verdict,
    )
    return not any(is_known(kind, case, response) for is_known in known)
