"""The protocol between clients and servers, with no I/O.

`frames` names what is sent, `codec` turns values into JSON and back and `binary` into msgpack, `messages` tells the
two apart, `errors` carries exceptions across, and the two exchanges number requests and match answers. Transports and
server routes move the bytes.
"""

__all__: list[str] = []
