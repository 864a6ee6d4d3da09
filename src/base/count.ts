// Counts things in messages for people.

/** `1 snapshot`, `2 snapshots`, `no snapshots`. */
export function count(amount: number | bigint, noun: string): string {
  const number = Number(amount);
  return `${number === 0 ? "no" : number} ${noun}${number === 1 ? "" : "s"}`;
}
