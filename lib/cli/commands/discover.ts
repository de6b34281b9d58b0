/** `agent discover NAME [--timeout 5s] [--all]` */
import { type Call, hasFlag } from "../call.ts";
import { find, waitOf } from "../nearby.ts";

export async function run(call: Call): Promise<number> {
  const [wanted = ""] = call.positionals;
  const { name, address, addresses } = await find(call, wanted, waitOf(call, "timeout", "5s"));
  if (hasFlag(call, "all")) {
    call.out.print({ name, address, addresses }, () => ({ lines: addresses.map((one) => [one]) }));
  } else call.out.print({ name, address }, () => ({ lines: [[address]] }));
  return 0;
}
