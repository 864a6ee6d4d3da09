// What makes two findings one.

/** Messages hold numbers and parts of the input: where it was thrown says what it is. */
export function placeOf(text: string): string {
  return text.split("\n").find((line) => line.startsWith("    at ")) ?? text;
}
