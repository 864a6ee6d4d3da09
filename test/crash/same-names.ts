// Makes the names of temporary files equal at each start of a tested daemon, so that the harness
// finds a system call on such a file again. The daemon loads this module before its own modules.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** The number of random bytes in the name of a temporary file. */
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
