/**
 * Lines that an agent may write to stderr while all this happens. Any other line is a complaint.
 *
 * @module
 */

const TIME = /^\d\d:\d\d:\d\d /;
/** Why a stream ends where processes are killed and stopped, and links are cut. */
const ENDED = [
  "nothing heard for \\d+ s",
  "the other side closed the stream",
  "not needed on this dense link",
  "endpoint removed",
  // Also where a stream was closed because its key is no longer in use.
  "did not come back from its restart",
  // Whatever the kernel says of a connection that was cut.
  "[A-Z][a-z ]+ \\(os error \\d+\\)",
].join("|");
const EXPLAINED: readonly RegExp[] = [
  /^notice: agent \S+ ".*" runs: network "home" \(key [0-9a-f]{8}, listening on \[::\]:8331\)$/,
  /^info: network home: (?:using veth[ab]|veth[ab] is gone)$/,
  /^info: network home: peer \S+ at \S+ \(veth[ab]\): stream (?:opened|taken)$/,
  new RegExp(`^info: network home: lost peer \\S+ at \\S+ \\(veth[ab]\\): (?:${ENDED})$`),
  /^info: messages: (?:linked with \S+|\S+ asks to be dialled)$/,
  // A link that was down at the start.
  /^warning: no network interface is up yet; the agent waits for one \(see: agent interfaces\)$/,
  // A link that was taken down, before the kernel has told.
  /^warning: veth[ab]: IPv[46] cannot send: [A-Z][a-z ]+ \(os error \d+\)/,
  // A process that was stopped in the middle of a handshake.
  /^warning: \S+ connected, but said too little in time(?: \(and \d+ more like it\))?$/,
  // Full disks.
  /^warning: (?:messages cannot be stored: )?\S+\.db: the disk is full; free some space, nothing /,
  // Keys: between the first node that has the new one and the last one, and guests likewise.
  /^notice: the config was read again$/,
  /^warning: \S+ on veth[ab] is heard, but with another key \(theirs \w+, ours [\w, ]+\); give both/,
  /^warning: \S+ has another key \(\w+, ours [\w, ]+\)$/,
  // Messages that do not wait for long.
  /^warning: a message to \S+ was not delivered \(expired\); see: agent outbox/,
  /^warning: \d+ messages? (?:was|were) not delivered; see: agent outbox/,
  /^warning: further problems are not logged for some minutes; see: agent status$/,
];

/** Lines that nothing explains. */
export function unexplained(stderr: string): string[] {
  return stderr.split("\n").filter((line) => {
    if (line === "") return false;
    const text = line.replace(TIME, "");
    return text === line || !EXPLAINED.some((pattern) => pattern.test(text));
  });
}
