// Tests the elapsed time of a store under steps of the wall clock, restarts and reboots.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  advance,
  beginElapsed,
  isSuspect,
  stampOfAge,
  stepBoundMs,
  trustClock,
  type ElapsedState,
} from "../../../src/model/elapsed.js";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const yearMs = 365 * dayMs;

/** Simulates a machine with a store, and keeps the saved state of the store's clock. */
class Machine {
  wallMs = Date.UTC(2026, 0, 1);
  sinceBootMs = 10 * dayMs;
  boots = 0;
  state: ElapsedState = beginElapsed(this.#reading());
  readonly #startMs = this.state.elapsedMs;

  #reading() {
    return { wallMs: this.wallMs, sinceBootMs: this.sinceBootMs, bootId: `boot ${this.boots}` };
  }

  look(): this {
    this.state = advance(this.state, this.#reading());
    return this;
  }

  step(ms: number): this {
    this.wallMs += ms;
    return this.look();
  }

  /** Advances the time, with readings like those of a daemon and with a clock slewed by 500 ppm. */
  pass(ms: number): this {
    const looks = 20;
    for (let look = 0; look < looks; look += 1) {
      this.sinceBootMs += ms / looks;
      this.wallMs += (ms / looks) * 1.0005;
      this.look();
    }
    return this;
  }

  reboot(offMs: number, stepMs = 0, upMs = 30_000): this {
    this.boots += 1;
    this.sinceBootMs = upMs;
    this.wallMs += offMs + upMs + stepMs;
    return this.look();
  }

  /** Returns the age of a stamp, by default of the first. */
  ageMs(stampMs: number = this.#startMs): number {
    const { elapsedMs, offTimes } = this.state;
    const before = offTimes.filter(({ atMs }) => atMs >= stampMs);
    return Math.round(before.reduce((sum, { ms }) => sum + ms, elapsedMs - stampMs));
  }

  get suspect(): boolean {
    return isSuspect(this.state.doubt);
  }
}

for (const stepMs of [dayMs, -dayMs, yearMs, -yearMs, 2 * minuteMs, -2 * minuteMs]) {
  test(`a step of ${stepMs / hourMs} hours while the machine is up does not change any age`, () => {
    const machine = new Machine().pass(hourMs).step(stepMs);
    assert.equal(machine.ageMs(), hourMs);
    assert.ok(machine.suspect);
    machine.pass(23 * hourMs);
    assert.ok(machine.suspect);
    machine.pass(2 * hourMs);
    assert.ok(!machine.suspect, "trusted after a day without another step");
    assert.equal(machine.ageMs(), 26 * hourMs);
  });

  test(`after a corrected step of ${stepMs / hourMs} hours the clock is not suspect any more`, () => {
    const machine = new Machine().step(stepMs).pass(hourMs).step(-stepMs);
    assert.equal(machine.state.doubt, undefined);
    assert.equal(machine.ageMs(), hourMs);
  });
}

test("an operator can end the doubt, and the time of the step does not count", () => {
  const machine = new Machine().step(yearMs);
  machine.state = trustClock(machine.state);
  machine.pass(hourMs);
  assert.equal(machine.suspect, false);
  assert.equal(machine.ageMs(), hourMs);
});

test("the time of a suspended machine is not taken for a step", () => {
  const machine = new Machine();
  machine.sinceBootMs += 5 * dayMs;
  machine.wallMs += 5 * dayMs;
  assert.equal(machine.look().ageMs(), 5 * dayMs);
  assert.equal(machine.state.doubt, undefined);
});

test("a short time off counts after an hour, and the clock is not suspect", () => {
  const machine = new Machine().reboot(12 * hourMs);
  assert.equal(machine.suspect, false);
  assert.ok(machine.ageMs() < minuteMs, `${machine.ageMs()}`);
  machine.pass(2 * hourMs);
  assert.equal(machine.state.doubt, undefined);
  assert.ok(machine.ageMs() >= 14 * hourMs && machine.ageMs() < 14 * hourMs + minuteMs);
});

test("a clock that is eight hours wrong after a reboot and is then corrected changes no age", () => {
  for (const stepMs of [8 * hourMs, -8 * hourMs]) {
    const machine = new Machine()
      .reboot(10 * minuteMs, stepMs)
      .pass(5 * minuteMs)
      .step(-stepMs);
    machine.pass(2 * hourMs);
    assert.equal(machine.state.doubt, undefined, `${stepMs}`);
    assert.ok(Math.abs(machine.ageMs() - (2 * hourMs + 15 * minuteMs)) < minuteMs);
  }
});

test("a year off makes the clock suspect, and counts after a day or when the clock is trusted", () => {
  const off = () => new Machine().reboot(yearMs);
  assert.ok(off().suspect);
  assert.ok(off().pass(23 * hourMs).suspect);
  assert.ok(
    off()
      .pass(23 * hourMs)
      .ageMs() < dayMs,
  );
  assert.ok(
    off()
      .pass(25 * hourMs)
      .ageMs() >= yearMs,
  );
  const trusted = off();
  trusted.state = trustClock(trusted.state);
  assert.ok(trusted.ageMs() >= yearMs && trusted.ageMs() < yearMs + minuteMs);
  const corrected = off()
    .step(-yearMs)
    .pass(2 * dayMs);
  assert.ok(corrected.ageMs() < 3 * dayMs);
});

test("if a clock went back over a reboot, the time up counts, and a correction is believed", () => {
  const machine = new Machine().reboot(10 * minuteMs, -yearMs);
  assert.ok(machine.suspect);
  machine.pass(hourMs);
  assert.ok(Math.abs(machine.ageMs() - hourMs) < minuteMs);
  machine.step(yearMs);
  assert.equal(machine.suspect, false);
  machine.pass(2 * hourMs);
  assert.ok(Math.abs(machine.ageMs() - (3 * hourMs + 10 * minuteMs)) < minuteMs);
});

type Move = readonly [kind: "step" | "pass" | "reboot", ms: number, stepMs: number];

const moves: fc.Arbitrary<Move> = fc.oneof(
  fc.tuple(fc.constant("step" as const), fc.integer({ min: -yearMs, max: yearMs }), fc.nat(0)),
  fc.tuple(fc.constant("pass" as const), fc.integer({ min: 0, max: 2 * dayMs }), fc.nat(0)),
  fc.tuple(
    fc.constant("reboot" as const),
    fc.integer({ min: 0, max: 10 * dayMs }),
    fc.integer({ min: -yearMs, max: yearMs }),
  ),
);

test("elapsed time never decreases, and without reboots it equals the time since boot to the millisecond", () => {
  fc.assert(
    fc.property(fc.array(moves, { maxLength: 30 }), (played) => {
      const machine = new Machine();
      let [rebooted, passedMs] = [false, 0];
      for (const [kind, ms, stepMs] of played) {
        const before = machine.state.elapsedMs;
        if (kind === "reboot") machine.reboot(ms, stepMs);
        else machine[kind](ms);
        rebooted ||= kind === "reboot";
        if (kind === "pass") passedMs += ms;
        assert.ok(machine.state.elapsedMs >= before);
        if (!rebooted) assert.ok(Math.abs(machine.ageMs() - passedMs) <= 1);
      }
    }),
    { numRuns: 2000 },
  );
});

test("time off ages earlier snapshots, but not those stored while it was pending", () => {
  const machine = new Machine().pass(hourMs).reboot(yearMs).pass(hourMs);
  const stampMs = machine.state.elapsedMs;
  machine.pass(25 * hourMs);
  assert.ok(machine.ageMs() >= yearMs);
  assert.equal(machine.ageMs(stampMs), 25 * hourMs);
});

test("the stamp for an age separates older from newer snapshots, over many times off", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ upMs: fc.nat(100), offMs: fc.nat(100) }), { maxLength: 10 }),
      fc.nat(1500),
      (stretches, ageMs) => {
        const machine = new Machine();
        const startMs = machine.state.elapsedMs;
        let elapsedMs = startMs;
        const offTimes: { atMs: number; ms: number }[] = [];
        for (const { upMs, offMs } of stretches) {
          elapsedMs += upMs;
          offTimes.push({ atMs: elapsedMs, ms: offMs });
          elapsedMs += 1;
        }
        machine.state = { ...machine.state, elapsedMs, offTimes };
        const bound = stampOfAge(machine.state, ageMs);
        for (let stampMs = startMs - 20; stampMs <= elapsedMs; stampMs += 1) {
          assert.equal(stampMs < bound, machine.ageMs(stampMs) > ageMs, `${stampMs - startMs}`);
        }
      },
    ),
  );
});

test("a machine that is rebooted every day for ten years stores few times off", () => {
  const machine = new Machine();
  for (let day = 0; day < 3650; day += 1) machine.reboot(12 * hourMs).pass(2 * hourMs);
  assert.ok(machine.state.offTimes.length <= 500);
  const years = machine.ageMs() / yearMs;
  assert.ok(years > 5.8 && years < 5.9, `${years}`);
});

test("rare readings detect every step, because only the sum of the steps counts", () => {
  const machine = new Machine();
  machine.sinceBootMs += 10 * dayMs;
  machine.wallMs += 10 * dayMs + stepBoundMs + 1;
  assert.ok(machine.look().suspect);
  assert.equal(machine.ageMs(), 10 * dayMs);
});

test("a catalog older than elapsed time may have been used since the boot, so there is no doubt and no added time", () => {
  const wallMs = Date.UTC(2026, 0, 1);
  const migrated = (): ElapsedState => ({
    elapsedMs: wallMs,
    last: { wallMs, bootId: "", sinceBootMs: 0 },
    offTimes: [],
  });
  const look = (passedMs: number): ElapsedState =>
    advance(migrated(), { wallMs: wallMs + passedMs, bootId: "now", sinceBootMs: 10 * dayMs });
  const soon = look(2 * hourMs);
  assert.equal(soon.elapsedMs, wallMs + 2 * hourMs);
  assert.equal(soon.doubt, undefined);
  // The last use was before the boot, so the machine may have been off.
  const later = look(11 * dayMs);
  assert.equal(later.elapsedMs, wallMs + 10 * dayMs);
  assert.equal(later.doubt?.aheadMs, dayMs);
  assert.equal(isSuspect(later.doubt), false);
  const back = look(-hourMs);
  assert.equal(back.elapsedMs, wallMs);
  assert.equal(isSuspect(back.doubt), true);
});
