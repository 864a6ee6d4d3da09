// Adds up the bytes that snapshots are charged (model/charge.ts). Every row counts until it is
// deleted, except that of a lost snapshot. A deleted snapshot counts too, because its space is not
// free while somebody reads it.
import type { Connection } from "./connection.js";
import { prefixRange } from "./name-range.js";
import { sql } from "./sql.js";

export interface Charges {
  /**
   * Returns the bytes of the deleted or replaced snapshots whose space is not free yet, and whose
   * names begin, or began, with the prefix.
   */
  heldBytes(namePrefix: string): number;
  /**
   * Returns the bytes of the snapshots whose names begin with the prefix, or began with it when the
   * snapshots were replaced.
   */
  chargedBytesNamed(namePrefix: string): number;
}

export interface ChargeLog extends Charges {
  /**
   * Adds a change to the sums. Call this inside the transaction that changes the charge of a row,
   * or moves the charge to another name.
   */
  add(chargedName: string, bytes: number): void;
  /** Forgets the sums. Call this when a transaction was rolled back. */
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
 * Changes the charge of a row, or the name that is charged. Call this inside a transaction. Before
 * a row is deleted, its charge must be set to 0.
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

/** Maximum number of cached prefixes. Each confined identity has one prefix. */
const maxPrefixes = 10_000;

export function createCharges(connection: Connection): ChargeLog {
  /**
   * The sums are cached by prefix, because adding up thousands of rows for each upload would delay
   * other calls.
   */
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
