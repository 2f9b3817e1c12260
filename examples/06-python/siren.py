"""A siren: hears the broadcast weather.frost-warned from now on, until Ctrl-C."""
import json
import os

import pika

BROKER = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
EXCHANGE = "parley.weather.frost-warned"  # a fanout exchange for each broadcast

connection = pika.BlockingConnection(pika.URLParameters(BROKER))
channel = connection.channel()
channel.exchange_declare(EXCHANGE, "fanout", durable=True)  # its owner makes it at the first warning
queue = channel.queue_declare("", exclusive=True).method.queue
channel.queue_bind(queue, EXCHANGE)
print("listening", flush=True)
for _, properties, body in channel.consume(queue, auto_ack=True):
    warning = json.loads(body)
    source = properties.headers["cloudEvents:source"]
    print(f"frost at {warning['station']}: {warning['celsius']} °C, says {source}", flush=True)
