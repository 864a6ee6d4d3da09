// Reads and writes PAX extended headers. Reading is strict: a record that violates POSIX is an
// error. A lost sparse map would silently shift the data of a disk.
import { archiveInvalid } from "./archive-invalid.js";
import { encodeTarHeader, tarBlockBytes } from "./tar-header.js";

/**
 * One record. Lists of records keep the order of the header, because GNU's sparse format 0.0
 * repeats keys and their order matters.
 */
export interface PaxRecord {
  readonly key: string;
  /** Empty for keys that we ignore. Extended attributes, for example, may contain any bytes. */
  readonly value: string;
}

/** Matches the keys that describe a file: its name, its size and its holes. */
const fileKey = /^(path|size|SCHILY\.realsize|GNU\.sparse\..*|COCOON\.sparse\..*)$/;

export function isFileKey(key: string): boolean {
  return fileKey.test(key);
}

const space = 0x20;
const newline = 0x0a;
const equals = 0x3d;
/** Maximum digits of a record's length, which suffice for any header that we accept. */
const maxLengthDigits = 10;
/** `ignoreBOM` keeps a byte order mark at the start of a value, which is a part of the value. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes the body of an `x` or `g` header, which consists of records `<length> <key>=<value>\n`.
 */
export function decodePax(body: Uint8Array, where: string): PaxRecord[] {
  const records: PaxRecord[] = [];
  let start = 0;
  while (start < body.byteLength) {
    const fail = (problem: string): Error =>
      archiveInvalid(`${where}: PAX record at byte ${start}: ${problem}`);
    const gap = body.subarray(start, start + maxLengthDigits + 1).indexOf(space);
    const digits = Buffer.from(body.subarray(start, start + Math.max(gap, 0))).toString("latin1");
    if (!/^[1-9][0-9]*$/.test(digits)) throw fail("expected its length in decimal and a space");
    const end = start + Number(digits);
    const keyStart = start + digits.length + 1;
    if (end > body.byteLength) throw fail(`its length ${digits} goes beyond the header`);
    if (end <= keyStart || body[end - 1] !== newline) {
      throw fail(`expected a newline at the end of its ${digits} bytes`);
    }
    const keyLength = body.subarray(keyStart, end - 1).indexOf(equals);
    if (keyLength < 1) throw fail("expected a key and '='");
    const keyEnd = keyStart + keyLength;
    const key = decodeText(body.subarray(keyStart, keyEnd), fail);
    const value = isFileKey(key) ? decodeText(body.subarray(keyEnd + 1, end - 1), fail) : "";
    records.push({ key, value });
    start = end;
  }
  return records;
}

function decodeText(bytes: Uint8Array, fail: (problem: string) => Error): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw fail("expected UTF-8");
  }
}

/**
 * Returns the records of one header by key. Refuses a repeated key that describes a file, because
 * its second value would silently replace the first. `repeatable` names keys that may repeat.
 */
export function indexPax(
  records: readonly PaxRecord[],
  repeatable: ReadonlySet<string>,
  where: string,
): ReadonlyMap<string, string> {
  const byKey = new Map<string, string>();
  for (const { key, value } of records) {
    if (byKey.has(key) && isFileKey(key) && !repeatable.has(key)) {
      throw archiveInvalid(`${where}: the PAX record ${JSON.stringify(key)} comes twice`);
    }
    byKey.set(key, value);
  }
  return byKey;
}

/**
 * Parses a decimal number from 0 to 2^53 - 1 that consists of digits only. Returns undefined for
 * anything else.
 */
export function parseDecimal(text: string): number | undefined {
  if (!/^[0-9]{1,20}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** Returns the header, body and padding of an `x` header for the entry that follows. */
export function encodePax(
  entryName: string,
  records: readonly PaxRecord[],
  modifiedSeconds: number,
): Uint8Array {
  const body = Buffer.from(records.map(encodeRecord).join(""));
  const header = encodeTarHeader({
    name: `PaxHeaders.0/${entryName}`.slice(0, 100),
    mode: 0o644,
    sizeBytes: body.byteLength,
    modifiedSeconds,
    type: "x",
  });
  return Buffer.concat([header, body, Buffer.alloc(paddingOf(body.byteLength))]);
}

function encodeRecord({ key, value }: PaxRecord): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  // The length includes its own digits, so one more digit can require another.
  let length = restBytes + 1;
  while (String(length).length + restBytes !== length) {
    length = restBytes + String(length).length;
  }
  return `${length}${rest}`;
}

/** Returns the number of bytes from the end of a body to the next block boundary. */
export function paddingOf(sizeBytes: number): number {
  const over = sizeBytes % tarBlockBytes;
  return over === 0 ? 0 : tarBlockBytes - over;
}
