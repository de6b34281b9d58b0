/** A pause of the wall clock: a bench waits for processes, which know no other time. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
