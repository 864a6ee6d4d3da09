// Looks up groups of this machine by name.
import { readFile } from "node:fs/promises";
import { fieldInvalid } from "./errors.js";

/**
 * Returns the number of a group. `group` is a name or already a number, and `field` is the option
 * that contains it. Throws FIELD_INVALID if there is no such group. This reads the file of
 * group(5), because other sources need a call into the C library.
 */
export async function groupId(group: string, field: string): Promise<number> {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  const lines = (await readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
  const id = lines.find(([name]) => name === group)?.[2];
  if (id === undefined) throw fieldInvalid(field, "a group of /etc/group", group);
  return Number(id);
}
