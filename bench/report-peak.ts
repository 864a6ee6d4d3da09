// Loaded with `node --import` into a measured program. At its end it writes its peak RSS in bytes
// to the file PEAK_FILE, because the kernel forgets the peak with the process.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["PEAK_FILE"];
if (file !== undefined) {
  process.on("exit", () => {
    const status = readFileSync("/proc/self/status", "utf8");
    writeFileSync(file, String(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024));
  });
}
