// Sums of what snapshots are charged for (model/charge.ts). Every row counts until it is removed,
// whatever its state: the space of a deleted snapshot that somebody reads is not free yet.
import type { Connection } from "./connection.js";
import { prefixRange } from "./name-range.js";
import { sql } from "./sql.js";

export interface Charges {
  /** Of those named so that were deleted or replaced, and whose space is not free yet. */
  heldBytes(namePrefix: string): number;
  /** Of those whose names begin so, or began so when they were replaced. */
  chargedBytesNamed(namePrefix: string): number;
}

export interface ChargeLog extends Charges {
  /** Inside a transaction that changes the charge of a row, or moves it to another name. */
  add(chargedName: string, bytes: number): void;
  /** The transaction was undone. */
  forget(): void;
}

interface ChargeRow {
  readonly charged_name: string;
  readonly charged_bytes: number;
}

interface ChargedRows {
  readonly connection: Connection;
  readonly charges: ChargeLog;
}

/**
 * Inside a transaction: changes what a row is charged, or the name that it is charged to. A row that is
 * about to be deleted is charged nothing first.
 */
export function setCharge(
  { connection, charges }: ChargedRows,
  id: string,
  change: { readonly name?: string; readonly bytes?: number },
): void {
  const before = connection.one<ChargeRow>(sql.chargeOfId, { id });
  if (before === undefined) return;
  const { name = before.charged_name, bytes = before.charged_bytes } = change;
  connection.run(sql.setCharge, { id, charged_name: name, charged_bytes: bytes });
  charges.add(before.charged_name, -before.charged_bytes);
  charges.add(name, bytes);
}

/** What a row is charged. */
export function chargeOfRow({ connection }: Pick<ChargedRows, "connection">, id: string): number {
  return connection.one<ChargeRow>(sql.chargeOfId, { id })?.charged_bytes ?? 0;
}

/** Each identity with a prefix has one. */
const maxPrefixes = 10_000;

export function createCharges(connection: Connection): ChargeLog {
  /** By prefix: to add up thousands of rows for each upload would hold up the others. */
  const sums = new Map<string, number>();
  return {
    heldBytes: (namePrefix) =>
      connection.one<{ bytes: number }>(sql.heldBytes, prefixRange(namePrefix))?.bytes ?? 0,
    chargedBytesNamed: (namePrefix) => {
      const known = sums.get(namePrefix);
      if (known !== undefined) return known;
      const range = prefixRange(namePrefix);
      const bytes = connection.one<{ bytes: number }>(sql.chargedBytesNamed, range)?.bytes ?? 0;
      if (sums.size >= maxPrefixes) sums.clear();
      sums.set(namePrefix, bytes);
      return bytes;
    },
    add: (chargedName, bytes) => {
      for (const [prefix, sum] of sums) {
        if (chargedName.startsWith(prefix)) sums.set(prefix, sum + bytes);
      }
    },
    forget: () => {
      sums.clear();
    },
  };
}
