// Identifies a finding, so that equal findings count once.

/**
 * Returns the line of the stack at which the error was thrown. It identifies the finding: messages
 * contain numbers and parts of the input, so they differ between equal findings.
 */
export function placeOf(text: string): string {
  return text.split("\n").find((line) => line.startsWith("    at ")) ?? text;
}
