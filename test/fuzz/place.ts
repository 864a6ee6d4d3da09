// Identifies a finding, so that equal findings count once.

/**
 * Returns the line of the throw, which identifies the finding. Messages contain numbers and parts
 * of the input, so they differ between equal findings.
 */
export function placeOf(text: string): string {
  return text.split("\n").find((line) => line.startsWith("    at ")) ?? text;
}
