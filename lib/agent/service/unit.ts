/**
 * The text of the systemd unit, and how an edited one is told from one that was made here.
 *
 * @module
 */
import { AgentError, ExitCode } from "../../core/errors.ts";

export const UNIT_NAME = "agent.service";
/** The system user that the service runs as, and its group. */
export const SERVICE_USER = "agent";

/** What differs from one unit to another. */
export interface UnitOptions {
  /** Of the user's own service manager instead of the system's. */
  readonly user: boolean;
  /** Command line up to the agent's own arguments: the program's path, as a rule. */
  readonly program: readonly string[];
  readonly config: string;
  /** Key files that systemd hands over, as `$CREDENTIALS_DIRECTORY/NAME`. */
  readonly credentials: readonly { readonly name: string; readonly path: string }[];
  /** Raw Ethernet frames: LSOE is on. */
  readonly rawFrames: boolean;
  /** Folders besides its own that the service writes to. */
  readonly writable: readonly string[];
  /** Deno's own cache: for a bundle on a runtime that is not inside of the program. */
  readonly denoCache: boolean;
}

/**
 * Seconds until systemd gives up on a start. The first one of a packed file unpacks 90 MB, on the
 * SD card of a slow Pi.
 */
const START_TIMEOUT_S = 180;

/** The whole text, with the checksum by which {@linkcode isEdited} knows it again. */
export async function unitText(options: UnitOptions): Promise<string> {
  const body = unitBody(options);
  return `${head(options)}${MARK}${await checksum(body)}\n${body}`;
}

const MARK = "# checksum ";

function head({ user }: UnitOptions): string {
  return `# Made by "agent service install". Change it in a drop-in, which a later install leaves as it\n` +
    `# is: ${user ? "" : "sudo "}systemctl ${user ? "--user " : ""}edit agent\n`;
}

/** Whether somebody changed a unit by hand, or wrote it. */
export async function isEdited(text: string): Promise<boolean> {
  const match = new RegExp(`^${MARK}([0-9a-f]{64})\n`, "m").exec(text);
  if (match === null) return true;
  return match[1] !== await checksum(text.slice(match.index + match[0].length));
}

async function checksum(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function unitBody(options: UnitOptions): string {
  const agent = (...args: string[]) =>
    [...options.program, "--config", options.config, ...args].map(unitWord).join(" ");
  return [
    "[Unit]",
    "Description=Edge agent: shared state without a server",
    "After=network.target",
    // It comes back whenever what was in its way is gone.
    "StartLimitIntervalSec=0",
    "",
    "[Service]",
    "Type=notify",
    "NotifyAccess=main",
    "# RestartPreventExitStatus= looks at the main process alone. With the hyphen, a wrong config gets",
    "# as far as that, which ends with 78 and stays stopped; else it would be tried again for ever.",
    `ExecStartPre=-${agent("config", "check")}`,
    `ExecStart=${agent("run")}`,
    `ExecReload=${agent("config", "check")}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    "Restart=on-failure",
    "RestartSec=5",
    "RestartPreventExitStatus=78",
    `TimeoutStartSec=${START_TIMEOUT_S}`,
    "TimeoutStopSec=15",
    "WatchdogSec=30",
    ...(options.user ? userLines() : systemLines(options)),
    "",
    "[Install]",
    `WantedBy=${options.user ? "default.target" : "multi-user.target"}`,
    "",
  ].join("\n");
}

function systemLines(options: UnitOptions): string[] {
  const { credentials, rawFrames, writable, denoCache } = options;
  const capabilities = rawFrames ? "CAP_NET_RAW" : "";
  return [
    "",
    `User=${SERVICE_USER}`,
    `Group=${SERVICE_USER}`,
    "StateDirectory=agent",
    "StateDirectoryMode=0700",
    "CacheDirectory=agent",
    "CacheDirectoryMode=0700",
    "RuntimeDirectory=agent",
    "UMask=0077",
    ...(denoCache ? ["Environment=DENO_DIR=/var/cache/agent"] : []),
    ...credentials.map(({ name, path }) => `LoadCredential=${unitPath(name)}:${unitPath(path)}`),
    "",
    `CapabilityBoundingSet=${capabilities}`,
    ...(rawFrames ? [`AmbientCapabilities=${capabilities}`] : []),
    "NoNewPrivileges=yes",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    ...writable.map((path) => `ReadWritePaths=${unitWord(`-${path}`)}`),
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "ProtectProc=invisible",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectControlGroups=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RemoveIPC=yes",
    ...confinement(rawFrames),
  ];
}

/** Without name spaces, which a user's manager may not be allowed to make. */
function userLines(): string[] {
  return ["UMask=0077", "", "NoNewPrivileges=yes", ...confinement(false)];
}

function confinement(rawFrames: boolean): string[] {
  return [
    `RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK${rawFrames ? " AF_PACKET" : ""}`,
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "# Keys are in its memory.",
    "LimitCORE=0",
    "SystemCallArchitectures=native",
    "# @pkey: memory protection keys of the JavaScript engine. It compiles at run time, so never",
    "# MemoryDenyWriteExecute=yes.",
    "SystemCallFilter=@system-service @pkey",
    "SystemCallFilter=~@privileged",
    "SystemCallErrorNumber=EPERM",
  ];
}

/** A word of an Exec line (systemd.service(5), "Command lines"). */
export function unitWord(word: string): string {
  const safe = unitPath(word).replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(word)
    ? safe
    : `"${safe.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A path of any other line: only the specifiers are special there. */
function unitPath(path: string): string {
  if (/\p{Cc}/u.test(path)) {
    throw new AgentError(
      `${JSON.stringify(path)} has control characters, which no unit can name; rename it`,
      ExitCode.Refused,
    );
  }
  return path.replaceAll("%", "%%");
}
