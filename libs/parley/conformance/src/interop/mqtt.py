"""CloudEvents over MQTT 5 in binary mode, by paho."""
import threading

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from wire import as_bytes, heard, ready, request, tell

PATIENCE = 30

asked, url = request()
finished = threading.Event()
client = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
if url.username:
    client.username_pw_set(url.username, url.password)


def say(at, attributes, data):
    named = dict(attributes)
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = named.pop("datacontenttype")
    properties.UserProperty = list(named.items())
    client.publish(at["topic"], as_bytes(data), qos=1, properties=properties).wait_for_publish(PATIENCE)
    tell(sent=True)


def hear(at):
    def on_message(_client, _data, message):
        given = message.properties
        heard([("content-type", given.ContentType), *given.UserProperty], message.payload)
        finished.set()

    client.on_message = on_message
    client.on_subscribe = lambda *_: ready()
    client.subscribe(at["topic"], qos=1)
    finished.wait(PATIENCE)


connected = threading.Event()
client.on_connect = lambda *_: connected.set()
client.connect(url.hostname, url.port or 1883)
client.loop_start()
connected.wait(PATIENCE)
if asked["verb"] == "say":
    say(asked["at"], asked["attributes"], asked["data"])
else:
    hear(asked["at"])
client.disconnect()
client.loop_stop()
