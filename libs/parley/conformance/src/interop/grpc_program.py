"""Calls catalog.Catalog/QuotePrice with a client that the stock generator made of the .proto file: prints the reply, or the error with its details, as JSON."""
import importlib
import json
import sys
import tempfile
from pathlib import Path

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

proto, address, *lines = json.loads(sys.stdin.read())
with tempfile.TemporaryDirectory() as made:
    if protoc.main(["protoc", f"-I{Path(proto).parent}", f"--python_out={made}", f"--grpc_python_out={made}", proto]) != 0:
        raise SystemExit("protoc refuses the file")
    sys.path.insert(0, made)
    messages = importlib.import_module("catalog_pb2")
    stubs = importlib.import_module("catalog_pb2_grpc")


def told(error):
    found = {"code": error.code().name}
    for detail in rpc_status.from_call(error).details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, messages.QuotePriceUnknownSkuError):
            if detail.Is(kind.DESCRIPTOR):
                message = kind()
                detail.Unpack(message)
                found[kind.DESCRIPTOR.name] = json_format.MessageToDict(message)
    return found


with grpc.insecure_channel(address) as channel:
    request = messages.QuotePriceRequest()
    for sku, quantity in lines:
        request.lines.add(sku=sku, quantity=quantity)
    try:
        reply = stubs.CatalogStub(channel).QuotePrice(request, timeout=20)
        print(json.dumps(json_format.MessageToDict(reply)))
    except grpc.RpcError as error:
        print(json.dumps({"error": told(error)}))
