"""What the programs here have in common: a request on the standard input, answers as lines of JSON.

None of them knows anything of Parley but the addresses that a transport's README gives, and CloudEvents.
"""
import base64
import json
import sys
from urllib.parse import urlsplit


def request():
    """{"url", "verb": "say" | "hear", "at": where, "key", "attributes", "data"}"""
    asked = json.load(sys.stdin)
    return asked, urlsplit(asked["url"])


def tell(**answer):
    print(json.dumps(answer), flush=True)


def ready():
    """From now on nothing that is said is missed."""
    tell(ready=True)


def heard(headers, body):
    """As it came: all names, text as text, the body untouched."""
    named = [(text(name), text(value)) for name, value in headers]
    tell(headers=dict(named), body=base64.b64encode(body).decode())


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else value


def as_bytes(data):
    return json.dumps(data, ensure_ascii=False).encode("utf-8")
