// Describes a file of a support bundle, or the reason why it is missing.

export interface PartPlan {
  /** The file's name in the bundle. */
  readonly file: string;
  readonly what: string;
  /** Another way to get the same information if the file is missing. */
  readonly instead?: string;
}

export interface Part extends PartPlan {
  /** Undefined if the file is missing. */
  readonly text?: string;
  readonly missing?: string;
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
