"""CloudEvents over AMQP in binary mode, by pika."""
from zlib import crc32

import pika
from wire import as_bytes, heard, ready, request, tell

PATIENCE = 30

asked, _ = request()
connection = pika.BlockingConnection(pika.URLParameters(asked["url"]))
channel = connection.channel()


def queue_of(owner, key):
    return owner if key is None else f"{owner}.lane-{crc32(key.encode('utf-8')) % 16:02d}"


def say(at, key, attributes, data):
    named = dict(attributes)
    content_type = named.pop("datacontenttype")
    properties = pika.BasicProperties(
        content_type=content_type,
        delivery_mode=2,
        headers={f"cloudEvents:{name}": value for name, value in named.items()},
    )
    channel.confirm_delivery()
    if "exchange" in at:
        channel.basic_publish(at["exchange"], "", as_bytes(data), properties)
    else:
        channel.basic_publish("", queue_of(at["owner"], key), as_bytes(data), properties, mandatory=True)
    tell(sent=True)


def hear(at, key):
    if "exchange" in at:
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.queue_bind(queue, at["exchange"])
    else:
        queue = queue_of(at["owner"], key)
    messages = channel.consume(queue, auto_ack=True, inactivity_timeout=PATIENCE)
    ready()
    _, properties, body = next(messages)
    heard([("content-type", properties.content_type), *properties.headers.items()], body)


if asked["verb"] == "say":
    say(asked["at"], asked["key"], asked["attributes"], asked["data"])
else:
    hear(asked["at"], asked["key"])
connection.close()
