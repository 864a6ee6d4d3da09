// Loaded into a daemon under test before its own modules: the names of its temporary files are then
// the same at each start, so that a system call on one of them can be found again.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** How many random bytes are in such a name. */
const nameBytes = 6;
const { randomBytes } = crypto;
let made = 0;

crypto.randomBytes = (size: number) => {
  if (size !== nameBytes) return randomBytes(size);
  made += 1;
  const bytes = Buffer.alloc(nameBytes);
  bytes.writeUInt32BE(made, 2);
  return bytes;
};
syncBuiltinESMExports();
