"""Calls orders.Orders with a client that the stock generator made of the .proto file: orders_client.py <libraries>, the rest as JSON on its input. Prints what it saw as JSON."""
import importlib
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, sys.argv[1])

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

asked = json.loads(sys.stdin.read())
with tempfile.TemporaryDirectory() as made:
    proto = Path(asked["proto"])
    if protoc.main(["protoc", f"-I{proto.parent}", f"--python_out={made}", f"--grpc_python_out={made}", str(proto)]) != 0:
        raise SystemExit("protoc refuses the file")
    sys.path.insert(0, made)
    messages = importlib.import_module("orders_pb2")
    stubs = importlib.import_module("orders_pb2_grpc")


def message(kind, fields):
    return json_format.ParseDict(fields, kind())


def told(error):
    found = {"code": error.code().name}
    for detail in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, messages.PlaceOrderUnknownSkuError):
            if detail.Is(kind.DESCRIPTOR):
                read = kind()
                detail.Unpack(read)
                found[kind.DESCRIPTOR.name] = json_format.MessageToDict(read)
    return found


with grpc.insecure_channel(asked["address"]) as channel:
    orders = stubs.OrdersStub(channel)
    seen = {}
    placed = orders.PlaceOrder(message(messages.PlaceOrderRequest, asked["good"]), timeout=30)
    seen["placed"] = json_format.MessageToDict(placed)
    read = orders.GetOrder(messages.GetOrderRequest(order_id=placed.order_id), timeout=30)
    seen["read"] = json_format.MessageToDict(read)
    seen["exported"] = [order.order_id for order in orders.ExportOrders(messages.ExportOrdersRequest(), timeout=60)]
    try:
        orders.PlaceOrder(message(messages.PlaceOrderRequest, asked["bad"]), timeout=30)
    except grpc.RpcError as error:
        seen["error"] = told(error)
    try:
        orders.PlaceOrder(message(messages.PlaceOrderRequest, asked["bad"]), timeout=0.0001)
    except grpc.RpcError as error:
        seen["late"] = error.code().name
    print(json.dumps(seen))
