// Formats counts of things in messages for people.

/** Returns a text such as `1 snapshot`, `2 snapshots` or `no snapshots`. */
export function count(amount: number | bigint, noun: string): string {
  const number = Number(amount);
  return `${number === 0 ? "no" : number} ${noun}${number === 1 ? "" : "s"}`;
}
