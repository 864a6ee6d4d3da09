// Identifies a finding, so that equal findings count once.

/**
 * Messages contain numbers and parts of the input, so the place of the throw identifies the
 * finding.
 */
export function placeOf(text: string): string {
  return text.split("\n").find((line) => line.startsWith("    at ")) ?? text;
}
