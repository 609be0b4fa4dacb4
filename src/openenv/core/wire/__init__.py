"""The protocol between clients and servers, with no I/O.

`frames` names what is sent, `codec` turns values into JSON and back, `errors` carries exceptions across, and `exchange`
numbers requests and matches answers. Transports and server routes move the bytes.
"""

__all__: list[str] = []
