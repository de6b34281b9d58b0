// Programs that find each other: the real executable, real pyzmq. On loopback only.
import assert from "node:assert/strict";
import type { ServiceRow } from "../../lib/http/api.ts";
import { python } from "../learn/libzmq.ts";
import { freePort } from "../ports.ts";
import { skipReason } from "../skip.ts";
import { type AgentProcess, Place, until } from "./harness.ts";

/** Where a beacon hears adverts, and where it answers programs. */
const freePorts = () => ({ beacon: freePort(), rpc: freePort() });

function onLoopback(place: Place, { beacon, rpc }: { beacon: number; rpc: number }): string {
  return `[[network]]
key_file = "${place.keyFile}"
listen = "127.0.0.1:0"
interfaces = []
[nearby]
interfaces = ["lo"]
beacon_port = ${beacon}
rpc_port = ${rpc}
`;
}

async function pair(place: Place): Promise<[AgentProcess, AgentProcess]> {
  const a = await place.agent("a");
  const b = await place.agent("b", { connect: [a] });
  await place.meet(a, b);
  return [a, b];
}

Deno.test("advertise, discover, services, unadvertise: on one node, seen on the other", async () => {
  await using place = new Place();
  const [a, b] = await pair(place);
  const waiting = b.cli("discover", "robot", "--json", "--timeout", "30s");
  const told = await a.cli("advertise", "robot", "10.0.0.7:5000", "--ttl", "1m");
  assert.deepEqual([told.code, told.stdout], [0, "robot at 10.0.0.7:5000\n"]);
  assert.deepEqual((await waiting).json(), { name: "robot", address: "10.0.0.7:5000" });
  assert.equal((await b.cli("discover", "robot")).stdout, "10.0.0.7:5000\n");
  assert.deepEqual((await b.cli("services", "--json")).json<ServiceRow[]>(), [
    { name: "robot", address: "10.0.0.7:5000", node: "a", ttlSeconds: 60 },
  ]);
  assert.equal((await a.cli("advertise", "robot", "10.0.0.8:1", "--if-new")).code, 4);
  assert.equal((await a.cli("unadvertise", "robot")).code, 0);
  assert.equal((await a.cli("unadvertise", "robot")).code, 1);
  const nobody = await a.cli("discover", "robot", "--timeout", "0");
  assert.deepEqual([nobody.code, nobody.complaints.length], [1, 1]);
  assert.equal((await a.cli("advertise", "robot", "1.2.3.4:99999")).code, 2);
});

Deno.test("ask and answer: with a command, until it has answered enough", async () => {
  await using place = new Place();
  const [a, b] = await pair(place);
  const answering = a.start(
    "answer",
    "echo",
    "--address",
    "127.0.0.1",
    "--count",
    "3",
    "--json",
    "--",
    "tr",
    "a-z",
    "A-Z",
  );
  const ask = (...args: string[]) => b.cli("ask", "echo", ...args, "--timeout", "30s");
  const first = await ask("hello");
  assert.deepEqual([first.code, first.stdout], [0, "HELLO\n"], first.stderr);
  assert.equal((await ask('{"a": 1}', "--json-body")).stdout, '{"A":1}\n');
  const address = (await b.cli("discover", "echo")).stdout.trim();
  // With an address, no agent is needed.
  const alone = await place.run("--socket", "/nowhere", "ask", address, "bye", "--json");
  assert.deepEqual(alone.json(), { address, reply: "BYE" });
  const { code, stdout } = await answering.result();
  assert.deepEqual([code, stdout], [
    0,
    '{"message":"hello"}\n{"message":{"a":1}}\n{"message":"bye"}\n',
  ]);
  await until(
    "it is taken back",
    async () => (await b.cli("discover", "echo", "--timeout", "0")).code === 1,
  );
  const late = await b.cli("ask", address, "anybody?", "--timeout", "200ms");
  assert.deepEqual([late.code, late.complaints.length], [3, 1]);
});

Deno.test("news: published through the agent, followed on another node; SIGINT ends it with 0", async () => {
  await using place = new Place();
  const [a, b] = await pair(place);
  const following = b.start("news", "follow", "weather", "temp", "--json");
  // Everything that an agent without interfaces tells is an address of its computer.
  await until("it is heard", async () => {
    assert.equal((await a.cli("news", "publish", "weather", "wind", "5")).code, 0);
    assert.equal((await a.cli("news", "publish", "weather", "temperature", "21.5")).code, 0);
    return following.stdout.includes("\n");
  });
  assert.equal(following.stdout.split("\n")[0], '{"topic":"temperature","data":21.5}');
  following.kill("SIGINT");
  assert.equal((await following.result()).code, 0);
});

Deno.test("without an agent: one line how to start one, and exit code 3", async () => {
  await using place = new Place();
  for (
    const args of [
      ["advertise", "robot"],
      ["unadvertise", "robot"],
      ["discover", "robot"],
      ["services"],
      ["ask", "robot", "hello"],
      ["answer", "robot", "--", "true"],
      ["news", "publish", "a", "b", "c"],
      ["news", "follow", "a"],
    ]
  ) {
    const { code, complaints } = await place.run("--socket", `${place.dir}/none.sock`, ...args);
    assert.equal(code, 3, args.join(" "));
    assert.equal(complaints.length, 1, args.join(" "));
    assert.match(complaints[0]!, /agent run/);
  }
});

/** Speaks as networkzero does, with nothing but pyzmq and a socket. */
const PYTHON = `
import json, socket, sys, zmq
rpc_port, beacon_port = int(sys.argv[1]), int(sys.argv[2])
context = zmq.Context()

def rpc(*request):
    with context.socket(zmq.REQ) as s:
        s.linger = 0
        s.connect("tcp://localhost:%d" % rpc_port)
        s.send(json.dumps(request).encode("utf-8"))
        assert s.poll(30000), "no reply"
        return json.loads(s.recv().decode("utf-8"))

# The beacon of this machine is there already: that is how networkzero decides to use its RPC.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
    try:
        taken.bind(("", beacon_port))
        sys.exit("the beacon's port is free")
    except OSError:
        pass

replies = context.socket(zmq.REP)
port = replies.bind_to_random_port("tcp://127.0.0.1")
address = rpc("advertise", "python", "127.0.0.1:%d" % port, False, 600)
assert address == "127.0.0.1:%d" % port, address
assert rpc("discover", "python", 0.5) == address
assert rpc("discover", "nobody", 0.1) is None
assert rpc("DISCOVER_ALL", 0.5)
# Adverts over UDP, as another machine sends them.
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    far = None
    while far != "10.9.8.7:6000":
        s.sendto(json.dumps(["far", "10.9.8.7:6000", 20]).encode("utf-8"), ("127.0.0.1", beacon_port))
        far = rpc("discover", "far", 0.5)
echo = None
while not echo:
    echo = rpc("discover", "agent-echo", 0.5)
with context.socket(zmq.REQ) as s:
    s.linger = 0
    s.connect("tcp://" + echo)
    s.send(json.dumps("h\\u00e9llo").encode("utf-8"))
    assert s.poll(20000), "no answer"
    assert json.loads(s.recv().decode("utf-8")) == "h\\u00e9llo"
news = context.socket(zmq.SUB)
news.subscribe(b"temp")
news.connect("tcp://" + sys.argv[3])
print("ready", flush=True)
assert news.poll(30000), "no news"
topic, data = news.recv_multipart()
assert (topic, json.loads(data)) == (b"temperature", 21.5), (topic, data)
assert replies.poll(30000), "nobody asks"
message = json.loads(replies.recv().decode("utf-8"))
replies.send(json.dumps([message, "from Python"]).encode("utf-8"))
replies.close(linger=1000)
rpc("unadvertise", "python")
print("done", flush=True)
`;

const interop = "Python with pyzmq: the agent is its beacon; questions and news both ways";

Deno.test({
  name: interop,
  ignore: python === undefined && skipReason(interop, "needs pyzmq (Debian: python3-zmq)"),
  async fn() {
    await using place = new Place();
    const ports = freePorts();
    const a = await place.agent("a", { toml: onLoopback(place, ports) });
    const b = await place.agent("b", { connect: [a] });
    a.start("answer", "agent-echo", "--address", "127.0.0.1", "--", "cat");
    await a.cli("news", "publish", "weather", "first", "0");
    const { stdout } = await a.cli("discover", "weather");
    const program = new Deno.Command(python!, {
      args: ["-c", PYTHON, `${ports.rpc}`, `${ports.beacon}`, stdout.trim()],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const ended = program.output();
    let over = false;
    void ended.finally(() => over = true);
    // On the other node, through the state.
    const asking = b.cli("ask", "python", "hi", "--json", "--timeout", "30s");
    await until("Python has ended", async () => {
      await a.cli("news", "publish", "weather", "temperature", "21.5");
      return over;
    });
    const output = await ended;
    assert.deepEqual(
      [output.code, new TextDecoder().decode(output.stderr)],
      [0, ""],
    );
    assert.deepEqual((await asking).json<{ reply: unknown }>().reply, ["hi", "from Python"]);
    assert.deepEqual((await a.status()).problems, []);
  },
});
