"""The same as nearby_program.ts over pyzmq, driven as networkzero drives it: JSON, and waits by poll."""
import json
import sys
import time

import zmq

role, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
endpoint = "tcp://127.0.0.1:%d" % port
context = zmq.Context()


def wait(s):
    while not s.poll(500):
        pass


def ask(s, message):
    s.send(json.dumps(message).encode("utf-8"))
    wait(s)
    return json.loads(s.recv().decode("utf-8"))


def news(s):
    wait(s)
    topic, data = s.recv_multipart()
    return topic.decode("utf-8"), json.loads(data.decode("utf-8"))


if role == "answer":
    s = context.socket(zmq.REP)
    s.bind(endpoint)
    while True:
        wait(s)
        message = json.loads(s.recv().decode("utf-8"))
        s.send(json.dumps(message).encode("utf-8"))
elif role == "ask":
    s = context.socket(zmq.REQ)
    s.connect(endpoint)
    for i in range(count // 10):
        ask(s, "question %d" % i)
    start = time.perf_counter()
    for i in range(count):
        ask(s, "question %d" % i)
    print((time.perf_counter() - start) * 1e6 / count)
elif role == "publish":
    s = context.socket(zmq.PUB)
    s.bind(endpoint)
    i = 0
    while True:
        s.send_multipart([b"temperature", json.dumps(i).encode("utf-8")])
        i += 1
elif role == "follow":
    s = context.socket(zmq.SUB)
    s.subscribe(b"temp")
    s.connect(endpoint)
    for i in range(count // 10):
        news(s)
    first = news(s)[1]
    start = time.perf_counter()
    for i in range(count):
        last = news(s)[1]
    print((time.perf_counter() - start) * 1e6 / count, last - first - count)
