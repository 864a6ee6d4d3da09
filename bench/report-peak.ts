// Writes the peak RSS of a measured program in bytes to the file PEAK_FILE when the program ends,
// because the kernel forgets the peak with the process. The program loads this file with `node
// --import`.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["PEAK_FILE"];
if (file !== undefined) {
  process.on("exit", () => {
    const status = readFileSync("/proc/self/status", "utf8");
    writeFileSync(file, String(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024));
  });
}
