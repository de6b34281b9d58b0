/** `agent join CODE` */
import { type Config, type ConfigOverrides, loadConfig } from "../../agent/config/config.ts";
import { absolutePath, configCandidates, variable } from "../../agent/config/paths.ts";
import { parseCode } from "../../agent/join/invite_code.ts";
import { type Joined, joinNetwork } from "../../agent/join/join.ts";
import { carryOut, checkWritable, type JoinPlan, planJoin } from "../../agent/join/plan.ts";
import { findService, type InstalledService, restartService } from "../../agent/join/service.ts";
import { STREAM_PORT } from "../../agent/config/parse.ts";
import { parseDuration } from "../../core/duration.ts";
import { AgentError, ExitCode } from "../../core/errors.ts";
import { parseHostPort } from "../../net/address.ts";
import { usage } from "../args.ts";
import { type Call, flagText, flagTexts, hasFlag } from "../call.ts";
import { untilSignal } from "../signals.ts";

const TIMEOUT = "5s";

export async function run(call: Call): Promise<number> {
  const code = parseCode(call.positionals.join(" "));
  const given = flagTexts(call, "address")?.map((one) =>
    parseHostPort(one, code.addresses[0]?.port ?? STREAM_PORT)
  );
  const addresses = given ?? code.addresses;
  if (addresses.length === 0) {
    throw usage("this is the end of a code only; say where it is from: --address HOST");
  }
  const service = hasFlag(call, "no-service") ? undefined : serviceHere();
  const config = loadConfig({
    path: configOf(call, service),
    overrides: overridesOf(call, service),
  });
  let plan: JoinPlan | undefined;
  const joined = await joinNetwork({
    addresses,
    key: code.key,
    name: config.agent.name,
    timeoutMs: parseDuration(flagText(call, "timeout") ?? TIMEOUT),
    consider(offer, from) {
      plan = planJoin(config, offer, from, wishesOf(call, config, service, offer.network));
      checkWritable(plan);
      if (plan.already) carryOut({ ...plan, keyFiles: plan.keyFiles.slice(0, 1) }, []);
      return !plan.already;
    },
    store: (keys) => carryOut(plan as JoinPlan, keys),
  });
  tell(call, joined, plan as JoinPlan);
  if (hasFlag(call, "no-run")) return ExitCode.Done;
  return await start(call, config, plan as JoinPlan, service);
}

/** What was done, before anything runs. */
function tell({ out }: Call, joined: Joined, plan: JoinPlan): void {
  const { offer, keyIds, confirmed } = joined;
  const data = {
    network: plan.network,
    node: offer.node,
    keyId: keyIds[0],
    keyFile: plan.keyFiles[0],
    already: plan.already,
    ...(plan.config && { config: plan.config.path }),
  };
  out.print(data, () => ({
    lines: [
      [
        plan.already
          ? `this computer is in network "${plan.network}" of ${offer.node} already ` +
            `(key ${keyIds[0]}); the invitation is still good`
          : `joined network "${plan.network}" of ${offer.node} (key ${keyIds[0]} in ` +
            `${plan.keyFiles.join(", ")})`,
      ],
      ...(plan.aside ? [[`the key that was there before is now ${plan.aside}`]] : []),
      ...(plan.config ? [[`${plan.config.isNew ? "wrote" : "added to"} ${plan.config.path}`]] : []),
      ...plan.hints.map((hint) => [hint]),
    ],
  }));
  if (!confirmed) {
    out.note("the other side did not say that it knows; it may show this join as not confirmed");
  }
}

async function start(
  call: Call,
  config: Config,
  plan: JoinPlan,
  service: InstalledService | undefined,
): Promise<number> {
  if (service) {
    await restartService(service);
    call.out.note(`${service.unit} runs; see: agent status`);
    return ExitCode.Done;
  }
  const path = plan.config?.path ?? config.path;
  const load = () => {
    const overrides = overridesOf(call, undefined);
    const { connect = [] } = overrides;
    // Where no config could be written, this run has what would stand in it.
    const unwritten = path === undefined || path === "/dev/null"
      ? {
        keyFile: plan.keyFiles[0],
        connect: plan.connect === undefined ? connect : [...connect, plan.connect],
      }
      : {};
    return loadConfig({ path, overrides: { ...overrides, network: plan.network, ...unwritten } });
  };
  const fresh = load();
  const { runAgent } = await import("../../agent/mod.ts");
  return await runAgent({
    config: fresh,
    stop: untilSignal(),
    args: runArguments(call, path, plan),
    onReload: (listener) => Deno.addSignalListener("SIGHUP", () => listener(load)),
  });
}

/** What a restart calls the program with: as `agent run`, because it has joined by then. */
function runArguments(call: Call, path: string | undefined, plan: JoinPlan): string[] {
  const { socket, verbose, quiet } = call.globals;
  const flags = ["name", "state-dir", "listen", "connect", "interfaces"].flatMap((name) =>
    (flagTexts(call, name) ?? []).flatMap((value) => [`--${name}`, value])
  );
  const unwritten = path === undefined || path === "/dev/null"
    ? [
      ...["--key-file", plan.keyFiles[0] as string],
      ...(plan.connect === undefined ? [] : ["--connect", plan.connect]),
    ]
    : [];
  return [
    ...(path === undefined ? [] : ["--config", path]),
    ...["--network", plan.network],
    ...(socket === undefined ? [] : ["--socket", socket]),
    ...(verbose > 0 ? ["-v"] : quiet ? ["-q"] : []),
    "run",
    ...flags,
    ...unwritten,
  ];
}

/** The service, if there is one and this user may change it. */
function serviceHere(): InstalledService | undefined {
  const uid = Deno.uid();
  const service = findService(Deno.env, uid);
  if (service && !service.user && uid !== 0) {
    throw new AgentError(
      `the agent is a service of this computer (${service.unit}), so its network is the system's; ` +
        "run this with sudo, or join beside it: --no-service",
      ExitCode.Refused,
    );
  }
  return service;
}

function configOf(call: Call, service: InstalledService | undefined): string | undefined {
  if (call.globals.config !== undefined) return existing(call.globals.config);
  const named = variable(Deno.env, "AGENT_CONFIG");
  if (named !== undefined) return existing(named);
  if (service && !service.user) return existing("/etc/agent/config.toml");
  return undefined;
}

/** A file that is not there yet is going to be written; until then the defaults hold. */
function existing(path: string): string {
  try {
    Deno.statSync(path);
    return path;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "/dev/null";
    throw error;
  }
}

function wishesOf(
  call: Call,
  config: Config,
  service: InstalledService | undefined,
  offered: string,
) {
  const network = call.globals.network;
  const keyFile = flagText(call, "key-file");
  const stateDir = flagText(call, "state-dir");
  const absolute = (path: string) => absolutePath(path, Deno.cwd(), Deno.env);
  return {
    network,
    keyFile: keyFile === undefined
      ? service?.credentials.get(`${network ?? offered}.key`)
      : absolute(keyFile),
    newConfig: newConfigOf(call, config),
    name: flagText(call, "name"),
    stateDir: stateDir && absolute(stateDir),
    force: hasFlag(call, "force"),
  };
}

/** Where a config is to go that is not there yet. */
function newConfigOf(call: Call, config: Config): string | undefined {
  if (config.path !== undefined && config.path !== "/dev/null") return undefined;
  const named = call.globals.config ?? variable(Deno.env, "AGENT_CONFIG");
  if (named === "/dev/null") return undefined;
  if (named !== undefined) return absolutePath(named, Deno.cwd(), Deno.env);
  const [own, system] = configCandidates(Deno.env);
  return Deno.uid() === 0 ? system ?? own : own;
}

function overridesOf(call: Call, service: InstalledService | undefined): ConfigOverrides {
  const { socket, verbose, quiet } = call.globals;
  return {
    name: flagText(call, "name"),
    stateDir: flagText(call, "state-dir") ?? service?.stateDir,
    socket,
    logLevel: verbose > 0 ? "debug" : quiet ? "warning" : undefined,
    listen: flagText(call, "listen"),
    connect: flagTexts(call, "connect"),
    interfaces: flagText(call, "interfaces"),
  };
}
