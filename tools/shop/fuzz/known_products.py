"""Every other order asks for products that the shop sells: invented ones are never accepted, and what follows an order would not be tried."""
import os

import schemathesis

SKUS = os.environ["FUZZ_SKUS"].split(",")


@schemathesis.hook
def map_body(_context, body):
    lines = body.get("lines") if isinstance(body, dict) else None
    if not isinstance(lines, list) or len(lines) % 2 == 0:
        return body
    known = zip(lines, SKUS)
    return {**body, "lines": [{**line, "sku": sku} if isinstance(line, dict) and "sku" in line else line for line, sku in known]}
