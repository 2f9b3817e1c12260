"""CloudEvents over Kafka in binary mode, by kafka-python. (A file called kafka.py would hide the library.)"""
from kafka import KafkaConsumer, KafkaProducer
from wire import as_bytes, heard, ready, request, tell

PATIENCE = 30_000

asked, url = request()
servers = [url.netloc.rpartition("@")[2]]


def say(at, key, attributes, data):
    named = dict(attributes)
    headers = [("content-type", named.pop("datacontenttype").encode())]
    headers += [(f"ce_{name}", value.encode("utf-8")) for name, value in named.items()]
    producer = KafkaProducer(bootstrap_servers=servers, acks="all")
    producer.send(at["topic"], key=key and key.encode("utf-8"), value=as_bytes(data), headers=headers).get(30)
    producer.close()
    tell(sent=True)


def hear(at):
    consumer = KafkaConsumer(at["topic"], bootstrap_servers=servers, auto_offset_reset="earliest", consumer_timeout_ms=PATIENCE)
    ready()
    record = next(consumer)
    heard([("key", record.key), *record.headers], record.value)
    consumer.close()


if asked["verb"] == "say":
    say(asked["at"], asked["key"], asked["attributes"], asked["data"])
else:
    hear(asked["at"])
