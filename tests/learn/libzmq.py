"""Sockets of libzmq and UDP for the tests: one JSON array a line in, one JSON value a line out."""
import json
import socket
import sys

import zmq

context = zmq.Context()
sockets = {}


def make(name, kind):
    sockets[name] = context.socket(getattr(zmq, kind))
    sockets[name].setsockopt(zmq.LINGER, 500)


def bind(name, port):
    sockets[name].bind("tcp://127.0.0.1:" + (str(port) if port else "*"))
    return int(sockets[name].getsockopt(zmq.LAST_ENDPOINT).decode().rstrip("\0").rsplit(":", 1)[1])


def connect(name, port):
    sockets[name].connect("tcp://127.0.0.1:%d" % port)


def subscribe(name, prefix):
    sockets[name].setsockopt(zmq.SUBSCRIBE, prefix.encode())


def unsubscribe(name, prefix):
    sockets[name].setsockopt(zmq.UNSUBSCRIBE, prefix.encode())


def send(name, *parts):
    sockets[name].send_multipart([bytes.fromhex(part) for part in parts])


def send_json(name, value):
    sockets[name].send(json.dumps(value).encode())


def receive(name, wait_ms):
    if not sockets[name].poll(wait_ms):
        return None
    return [part.hex() for part in sockets[name].recv_multipart()]


def receive_json(name, wait_ms):
    if not sockets[name].poll(wait_ms):
        return ["nothing"]
    return ["got", json.loads(sockets[name].recv().decode())]


def close(name):
    sockets.pop(name).close()


def udp(name, host, port):
    sockets[name] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sockets[name].setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    sockets[name].bind((host, port))
    return sockets[name].getsockname()[1]


def udp_send(name, host, port, text):
    sockets[name].sendto(text.encode(), (host, port))


def udp_receive(name, wait_s):
    sockets[name].settimeout(wait_s)
    try:
        data, source = sockets[name].recvfrom(256)
    except socket.timeout:
        return None
    return [data.decode(), source[0], source[1]]


def version():
    return [zmq.__version__, zmq.zmq_version()]


for line in sys.stdin:
    action, *params = json.loads(line)
    try:
        print(json.dumps({"value": globals()[action](*params)}), flush=True)
    except Exception as error:
        print(json.dumps({"error": repr(error)}), flush=True)
