// Loaded with `node --import` into a program that is measured: at its end it writes its peak RSS in
// bytes into the file that PEAK_FILE names. The kernel forgets the peak with the process.
import { readFileSync, writeFileSync } from "node:fs";

const file = process.env["PEAK_FILE"];
if (file !== undefined) {
  process.on("exit", () => {
    const status = readFileSync("/proc/self/status", "utf8");
    writeFileSync(file, String(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024));
  });
}
