/** Whatever bytes come, and in whatever order; damaged messages come in `tests/fuzz/targets/dncp.ts`. */
import fc from "fast-check";
import { hncpProfile, nativeProfile } from "../../lib/dncp/mod.ts";
import { checkDecoded, SETUPS } from "./torture.ts";

for (const profile of [hncpProfile, nativeProfile]) {
  Deno.test(`fuzz: any bytes decode to something, ${profile.name}`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => checkDecoded(profile, bytes)),
    );
  });
}

for (const [name, , make] of SETUPS) {
  Deno.test(`fuzz: arbitrary bytes in arbitrary order, ${name}`, () => {
    const steps = fc.array(
      fc.tuple(fc.nat(11), fc.option(fc.uint8Array({ maxLength: 80 }), { nil: undefined })),
      {
        maxLength: 60,
      },
    );
    fc.assert(
      fc.property(fc.nat(1_000), steps, (seed, list) => {
        const torture = make(seed);
        for (const [kind, raw] of list) torture.step(kind, { raw });
      }),
      { numRuns: 60 },
    );
  });
}
