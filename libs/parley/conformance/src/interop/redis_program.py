"""CloudEvents over Redis in structured mode, for Redis has no headers, by redis-py. (A file called redis.py would hide the library.)"""
import json
import time

from redis import Redis
from wire import as_bytes, heard, ready, request, tell

PATIENCE = 30

asked, _ = request()
redis = Redis.from_url(asked["url"])


def say(at, attributes, data):
    redis.publish(at["channel"], as_bytes({**attributes, "data": data}))
    tell(sent=True)


def hear(at):
    listener = redis.pubsub()
    listener.subscribe(at["channel"])
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        message = listener.get_message(timeout=1)
        if message and message["type"] == "subscribe":
            ready()
        elif message:
            document = json.loads(message["data"])
            body = as_bytes(document.pop("data"))
            return heard(document.items(), body)


if asked["verb"] == "say":
    say(asked["at"], asked["attributes"], asked["data"])
else:
    hear(asked["at"])
redis.close()
