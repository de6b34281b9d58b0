/**
 * For the tests of the fuzzer itself: what goes wrong in ways that a thread cannot tell any more.
 *
 * @module
 */
import { decoder, type Target } from "../target.ts";

/** Never comes back from an input that begins with a number. */
const endless = ([["endless", 1, 0], ["stuck", 5, 2]] as const).map(([name, first, length]) =>
  decoder<boolean>({
    name: `self/${name}`,
    covers: [],
    corpus: ["self"],
    decode(input) {
      while (input[0] === first && input.length !== length);
      return true;
    },
  })
);

/** A promise that nobody waits for is rejected. */
const loose = decoder<boolean>({
  name: "self/loose",
  covers: [],
  corpus: ["self"],
  decode(input) {
    if (input[0] === 3) void Promise.reject(new Error("nobody waits for me"));
    return true;
  },
});

/** All of them. */
export const targets: readonly Target[] = [...endless, loose];
