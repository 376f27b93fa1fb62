"""EC2's Query API as the tests speak it: parameters, signatures, errors, answers.

Written apart from the product's own on purpose: what signs and reads here agrees with it only if
both follow AWS. Of AWS: "Making Query requests" and "Error codes" of the EC2 API reference, and
Signature Version 4.
"""

import hashlib
import hmac
import http.client
import re
import uuid
from contextlib import closing
from datetime import datetime, timezone
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from .moto import REGION

VERSION = "2016-11-15"
NAMESPACE = f"http://ec2.amazonaws.com/doc/{VERSION}/"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

# Where AWS answers with another status than a client error's 400.
STATUS = {"AuthFailure": 401, "UnauthorizedOperation": 403, "SignatureDoesNotMatch": 403,
          "InternalError": 500, "InternalFailure": 500, "InsufficientInstanceCapacity": 500,
          "RequestLimitExceeded": 503, "ServiceUnavailable": 503, "Unavailable": 503}


class Ec2Error(RuntimeError):
    """An error answer, taken from one or to be made one."""

    def __init__(self, code, message, status=None):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message
        self.status = status or STATUS.get(code, 400)

    def xml(self):
        return ('<?xml version="1.0" encoding="UTF-8"?>\n<Response><Errors><Error>'
                f"<Code>{escape(self.code)}</Code><Message>{escape(self.message)}</Message>"
                f"</Error></Errors><RequestID>{uuid.uuid4()}</RequestID></Response>").encode()


def not_found(ids):
    ids = list(ids)
    return Ec2Error("InvalidInstanceID.NotFound",
                    f"The instance IDs '{', '.join(ids)}' do not exist" if len(ids) > 1
                    else f"The instance ID '{ids[0]}' does not exist")


def parse(body):
    """The parameters of a form, in its order."""
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def flatten(value, name=""):
    """{"Tag": [{"Key": "a"}]} as parameters: {"Tag.1.Key": "a"}"""
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, (list, tuple)):
        pairs = enumerate(value, 1)
    else:
        return {name: str(value).lower() if isinstance(value, bool) else str(value)}
    flat = {}
    for key, inner in pairs:
        flat.update(flatten(inner, f"{name}.{key}" if name else str(key)))
    return flat


def numbers(params, prefix):
    """Every N of the parameters PREFIX.N and PREFIX.N.…, in order."""
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)(?:\.|$)")
    return sorted({int(found[1]) for found in map(pattern.match, params) if found})


def values(params, prefix):
    """What PREFIX.1, PREFIX.2, … are."""
    return [params[f"{prefix}.{n}"] for n in numbers(params, prefix) if f"{prefix}.{n}" in params]


def signed(body, key, secret, host, region=REGION):
    """The headers of a signed POST of `body` to EC2."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    steps = (now[:8], region, "ec2", "aws4_request")
    scope = "/".join(steps)
    headers = {"content-type": FORM, "host": host, "x-amz-date": now}
    names = ";".join(headers)
    canonical = "\n".join(["POST", "/", "", *(f"{n}:{v}" for n, v in headers.items()), "", names,
                           hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope,
                      hashlib.sha256(canonical.encode()).hexdigest()])
    made = f"AWS4{secret}".encode()
    for part in (*steps, text):
        made = hmac.digest(made, part.encode(), "sha256")
    return {**headers, "authorization": f"AWS4-HMAC-SHA256 Credential={key}/{scope}, "
                                        f"SignedHeaders={names}, Signature={made.hex()}"}


def region_of(headers):
    """The region that a signed request is for."""
    found = re.search(r"Credential=[^/]+/\d+/([^/]+)/ec2/", headers.get("Authorization", ""))
    return found[1] if found else REGION


def read_xml(body):
    """The answer's root, its names without their namespace."""
    root = ElementTree.fromstring(body)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def write_xml(root):
    root.set("xmlns", NAMESPACE)
    return ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)


class Ec2Api:
    """`Ec2Api(moto).call("CreateTags", ResourceId=[i], Tag=[{"Key": "a", "Value": "b"}])`

    Signed with moto's key; `url` is where to send it, moto itself where none is given. From any
    number of threads.
    """

    def __init__(self, moto, url=None, timeout=60):
        self._moto, self._timeout = moto, timeout
        self._host = urlsplit(url or moto.url).netloc

    def call(self, action, /, **params):
        """The answer's root; an Ec2Error where it is an error."""
        status, body = self.send(self.form(action, **params))
        if status == 200:
            return read_xml(body)
        error = read_xml(body).find("Errors/Error")
        raise Ec2Error(error.findtext("Code"), error.findtext("Message"), status)

    @staticmethod
    def form(action, /, **params):
        return urlencode(flatten({"Action": action, "Version": VERSION, **params})).encode()

    def send(self, body):
        """(status, body) of the answer to a form."""
        with closing(http.client.HTTPConnection(self._host, timeout=self._timeout)) as connection:
            connection.request("POST", "/", body, signed(body, self._moto.key, self._moto.secret,
                                                         self._host))
            answer = connection.getresponse()
            return answer.status, answer.read()

    def pages(self, action, /, **params):
        """Each answer, as long as there is a further page."""
        while True:
            answer = self.call(action, **params)
            yield answer
            params["NextToken"] = answer.findtext("nextToken")
            if not params["NextToken"]:
                return
