"""A weather station: sends the command weather.record-reading, as a CloudEvent in AMQP's binary mode.

python station.py <station> <celsius>
"""
import json
import os
import sys
from uuid import uuid4
from zlib import crc32

import pika

BROKER = os.environ.get("RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
LANES = 16

station, celsius = sys.argv[1], float(sys.argv[2])
attributes = {
    "specversion": "1.0",
    "id": str(uuid4()),  # sent again under the same id, it takes effect once
    "type": "weather.record-reading",
    "source": "/station",
}
properties = pika.BasicProperties(
    content_type="application/json",
    delivery_mode=pika.DeliveryMode.Persistent,
    headers={f"cloudEvents:{name}": value for name, value in attributes.items()},
)
body = json.dumps({"station": station, "celsius": celsius}, ensure_ascii=False).encode()
# The readings of one station are handled in order: its name chooses the queue.
queue = f"weather.lane-{crc32(station.encode()) % LANES:02d}"

with pika.BlockingConnection(pika.URLParameters(BROKER)) as connection:
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_publish("", queue, body, properties, mandatory=True)
print(f"sent to {queue}")
