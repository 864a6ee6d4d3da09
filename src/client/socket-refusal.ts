// Explains the refusal of a Unix socket that this user may not open: its owner, and how to get
// access.
import type { Stats } from "node:fs";
import { closedPlace, describeOwner, groupName, userName } from "../base/owner.js";

const mayWrite = 0o020;
const maySearch = 0o010;

export function socketRefusal(path: string): { readonly message: string; readonly hint: string } {
  const closed = closedPlace(path);
  const whose = describeOwner(closed.stats);
  if (closed.path === path) {
    const message = `permission denied on the socket ${path}, which ${whose}`;
    return { message, hint: hintFor(closed.stats, mayWrite) };
  }
  const message = `permission denied on the socket ${path}: it is below ${closed.path}, which ${whose}`;
  return { message, hint: hintFor(closed.stats, maySearch) };
}

function hintFor({ uid, gid, mode }: Stats, groupBit: number): string {
  if ((mode & groupBit) === 0) {
    return `Run this as ${userName(uid)}, or let a group in: serve's --socket-group and --socket-mode`;
  }
  const group = groupName(gid);
  return `Add yourself to the group ${group} (sudo usermod -aG ${group} "$USER") and log in again, or run this with sudo`;
}
