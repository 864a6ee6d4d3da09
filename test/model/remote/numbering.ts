// Assigns the same number to equal values.

export class Numbering<Value> {
  readonly #numbers = new Map<string, number>();
  readonly #values: Value[] = [];

  get count(): number {
    return this.#values.length;
  }

  of(value: Value): number {
    const json = JSON.stringify(value);
    let number = this.#numbers.get(json);
    if (number === undefined) {
      number = this.#values.push(value) - 1;
      this.#numbers.set(json, number);
    }
    return number;
  }

  value(number: number): Value {
    return this.#values[number] as Value;
  }
}
