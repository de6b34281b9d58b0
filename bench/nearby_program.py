"""The roles of nearby_program.ts over pyzmq. "driven" does at each call what networkzero does: it logs,
checks the address, looks its socket up, makes a poller, and waits in slices; "bare" only what must be."""
import json
import logging
import socket
import sys
import time

import zmq

how, role, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
kinds = {"answer": zmq.REP, "ask": zmq.REQ, "publish": zmq.PUB, "follow": zmq.SUB}
where = "127.0.0.1:%d" % port
context = zmq.Context()
one = context.socket(kinds[role])
if role in ("answer", "publish"):
    one.bind("tcp://" + where)
else:
    one.connect("tcp://" + where)
known = {where: one}
log = logging.getLogger("bench")
log.setLevel(logging.DEBUG)


def slices():
    while True:
        yield 500


def check(address):
    host, _, number = str(address or "").strip().partition(":")
    if not 0 <= int(number) < 65536:
        raise ValueError(address)
    socket.inet_aton(host.replace("*", "1"))
    return "%s:%s" % (host, number)


def find(what):
    if how == "bare":
        return one
    log.info("%s at %s", what, where)
    found = known[check(where)]
    log.debug("%s is known", where)
    return found


def wait(s, multipart=False):
    if how == "driven":
        poller = zmq.Poller()
        poller.register(s, zmq.POLLIN)
        for slice in slices():
            if s in dict(poller.poll(slice)):
                break
    return s.recv_multipart() if multipart else s.recv()


def send(what, value):
    find(what).send(json.dumps(value).encode("utf-8"))


def ask(message):
    s = find("ask")
    s.send(json.dumps(message).encode("utf-8"))
    return json.loads(wait(s).decode("utf-8"))


def news():
    s = find("follow")
    if how == "driven":
        s.set(zmq.SUBSCRIBE, b"temp")
    topic, data = wait(s, True)
    return topic.decode("utf-8"), json.loads(data.decode("utf-8"))


if role == "answer":
    while True:
        send("reply", json.loads(wait(find("answer")).decode("utf-8")))
elif role == "ask":
    for i in range(count // 10):
        ask("question %d" % i)
    start = time.perf_counter()
    for i in range(count):
        ask("question %d" % i)
    print((time.perf_counter() - start) * 1e6 / count)
elif role == "publish":
    i = 0
    while True:
        data = json.dumps(i).encode("utf-8")
        find("publish").send_multipart([b"temperature", data])
        i += 1
elif role == "follow":
    one.set(zmq.SUBSCRIBE, b"temp")
    for i in range(count // 10):
        news()
    first = news()[1]
    start = time.perf_counter()
    for i in range(count):
        last = news()[1]
    print((time.perf_counter() - start) * 1e6 / count, last - first - count)
