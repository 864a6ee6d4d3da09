// Catches signals that arrive while the program is still loading. main.ts imports this file first.
// It acts when it is imported, because the imports that follow take up to a second.
//
//   SIGUSR1  ignored by every command: Node would open its inspector, which runs code for any user
//   SIGHUP   remembered for a daemon that starts: without a listener it would end the process

let hangUps = 0;
const remember = (): void => {
  hangUps += 1;
};

process.on("SIGUSR1", () => undefined);
if (process.argv.slice(2).includes("serve")) process.on("SIGHUP", remember);

/**
 * Transfers the handling of SIGHUP to the caller, which has its own listener. Returns true if a
 * SIGHUP has already arrived.
 */
export function takeEarlyHangUp(): boolean {
  process.off("SIGHUP", remember);
  return hangUps > 0;
}
